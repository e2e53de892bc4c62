"""Writes docs/reference/: a page per package with what its face exports, for the docs site.

python docs/make_reference.py
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("features", "styletransfer", "recsys", "pipelines")


def exported(package: str) -> dict[str, str]:
    """Names of the package's face and the modules they live in, in the order of the stub."""
    tree = ast.parse((ROOT / package / "__init__.pyi").read_text(encoding="utf-8"))
    return {
        alias.name: f"{package}.{node.module}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


def page(package: str) -> str:
    """The reference page of one package, in Markdown for mkdocstrings."""
    source = (ROOT / package / "__init__.py").read_text(encoding="utf-8")
    first = (ast.get_docstring(ast.parse(source)) or "").splitlines()[0]
    parts = [f"# {package}", first, f"All of it is imported from `{package}` itself."]
    parts += [f"::: {module}.{name}" for name, module in sorted(exported(package).items())]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    for package in PACKAGES:
        target = ROOT / "docs" / "reference" / f"{package}.md"
        target.write_text(page(package), encoding="utf-8")
