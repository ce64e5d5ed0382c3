# The tasks of a developer; `just` alone lists them. `uvx rust-just` or `pip install rust-just`
# brings the command.

bin := env("VIRTUAL_ENV", ".venv") / "bin"

[private]
default:
    @just --list --unsorted

# Make .venv with the pinned versions and the package in place
setup:
    python3 -m venv .venv
    .venv/bin/pip install -c constraints.txt -e '.[test]'

# Run the fast tests; words go to pytest
test *words:
    {{bin}}/pytest {{words}}

# Run the tests that take minutes
test-slow *words:
    {{bin}}/pytest -m slow {{words}}

# Fuzz what ingest reads, guided by coverage (needs `pip install atheris`)
fuzz seconds="600":
    {{bin}}/python tests/fuzz/readers.py --seconds {{seconds}}

# Check style and formatting
lint:
    {{bin}}/ruff check
    {{bin}}/ruff format --check

# Put code into the one format
format:
    {{bin}}/ruff check --fix
    {{bin}}/ruff format

# Check types
types:
    {{bin}}/mypy --strict prefcli

# Write what the documents quote: help pages, signatures, and what commands print
docs:
    {{bin}}/python docs/reference.py
    {{bin}}/python docs/api.py
    {{bin}}/python docs/console.py

# Measure start-up, reading feedback, then what profiles do to answers
bench:
    {{bin}}/python -m benchmarks.startup
    {{bin}}/python -m benchmarks.ingest
    {{bin}}/python -m benchmarks.styles

# Compare with other methods (needs '.[bench]'; words as --quick), then write docs/benchmarks.md
compare *words:
    {{bin}}/python -m benchmarks run {{words}}
    {{bin}}/python -m benchmarks report

# Build the wheel and the source archive into dist/
build:
    {{bin}}/python -m hatchling build

# Everything that must pass before a change goes in, in a fresh environment
ci:
    .ci/run
