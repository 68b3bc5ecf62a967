"""The embedded customer of a group: SFT and GRPO, with the baselines it is compared with."""
