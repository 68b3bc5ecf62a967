"""Importing the package is light: docs/architecture.md and invariant 5 of CONTRIBUTING.md."""

import subprocess
import sys
import textwrap

import pytest

import gsim_env

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


def test_public_names_are_imported_on_first_use():
    lines = run("""
        import sys
        import gsim_env
        print("gsim_env.envs" in sys.modules)
        print(set(gsim_env.__all__) <= set(dir(gsim_env)))
        for name in gsim_env.__all__:
            getattr(gsim_env, name)
        from gsim_env import AsyncTelemarketingEnv, load_group, play_call
        print(load_group("food_delivery").config.name, play_call.__name__)
    """)
    assert lines == ["False", "True", "food_delivery play_call"]


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'telemarketing'"):
        _ = gsim_env.telemarketing
