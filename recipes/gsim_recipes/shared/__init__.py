"""What recipes share, as hydra configurations.

``grpo``, ``calls``, ``sft``, and the machines they run on (``on_*``).
"""
