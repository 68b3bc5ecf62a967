"""Importing the package is light: DESIGN section 4 and invariant 5."""

import subprocess
import sys
import textwrap

CODE = """
    import sys, time
    import gymnasium
    start = time.perf_counter()
    import gsim_env
    print(time.perf_counter() - start)
    heavy = {"torch", "transformers", "sentence_transformers", "xllamacpp", "pymilvus", "openai",
             "aiohttp", "rich", "typer", "pydantic"}
    print(sorted(heavy & set(sys.modules)))
"""


def run(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_import_adds_under_150_ms_and_nothing_heavy():
    runs = [run(CODE) for _ in range(3)]
    assert min(float(seconds) for seconds, _ in runs) < 0.15
    assert runs[0][1] == "[]"


def test_the_core_plays_a_call_without_any_extra():
    blocked = """
        import sys
        class Block:
            def find_spec(self, name, path=None, target=None):
                blocked = {"torch", "sentence_transformers", "pymilvus", "xllamacpp", "openai",
                           "aiohttp", "rich", "typer", "gguf", "safetensors"}
                if name.partition(".")[0] in blocked:
                    raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        sys.meta_path.insert(0, Block())
        import logging; logging.getLogger("gsim_env").setLevel("ERROR")
        import gymnasium, gsim_env
        env = gymnasium.make("GroupedSim-Telemarketing-v0", customer="scripted")
        env.reset(seed=0)
        print(env.step("Hello, this is Li from QuickEats.")[0])
        env = gymnasium.make("GroupedSim-Telemarketing-v0")
        try:
            env.reset(seed=0)
        except ImportError as error:
            print(error)
    """
    words, error = run(blocked)
    assert words
    assert "pip install 'gsim-env[embedded]'" in error
