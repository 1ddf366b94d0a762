"""The Python code in the documentation runs."""

import importlib.util
import os
import re

import pytest
from conftest import SOURCE_DIR, find_tool

PAGES = ["README.md"]
PAGES += [f"docs/{name}.md" for name in ("python", "masks", "transformers", "onnx")]
# What blocks may need that is no package.
OTHERS = {"cuda", "mfa-run"}


def blocks(page):
    """What each block of Python needs (packages, "cuda", "mfa-run"), its line and its
    code."""
    text = (SOURCE_DIR / page).read_text()
    for match in re.finditer(r"^```python *(.*?)\n(.*?)^```$", text, re.M | re.S):
        line = text[: match.start()].count("\n") + 2
        yield match[1].split(), line, match[2]


def available(needs):
    packages = set(needs) - OTHERS
    if {"cuda", "diffusers", "transformers"} & set(needs):
        packages.add("torch")
    if not all(map(importlib.util.find_spec, packages)):
        return False
    if "mfa-run" in needs and not find_tool("mfa-run"):
        return False
    if "cuda" in needs:
        import torch

        return torch.cuda.is_available()
    return True


@pytest.mark.parametrize("page", PAGES)
def test_page(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if tool := find_tool("mfa-run"):
        path = os.path.dirname(tool) + os.pathsep + os.environ.get("PATH", "")
        monkeypatch.setenv("PATH", path)
    namespace, count = {}, 0
    if available(["torch"]):
        import torch

        namespace["torch"] = torch
        functional = torch.nn.functional
        name = "scaled_dot_product_attention"
        # The page replaces it.
        monkeypatch.setattr(functional, name, getattr(functional, name))
    for needs, line, code in blocks(page):
        count += 1
        if available(needs):
            # Tracebacks show the page's own lines.
            source = "\n" * (line - 1) + code
            exec(compile(source, SOURCE_DIR / page, "exec"), namespace)
    assert count
