"""The wheel: built as a release is, and installed into an environment of its own."""

import subprocess
import sys
import sysconfig
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def build(folder: Path) -> Path:
    """Build the wheel into a folder; returns its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
    [wheel] = folder.glob("fluke-*.whl")
    return wheel


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel into a new environment, with the dependencies that are installed here; returns its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip = ["-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([sys.executable, *pip, str(wheel)], check=True)
    [site] = folder.glob("lib/python*/site-packages")
    # A path file there is read, those in the folder that it names aren't: the editable installation stays out.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def write_decoys(folder: Path) -> None:
    """Write modules of another project that have the names of our packages in the repository."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("flows", "tasks", "configs"):
        (folder / f"{name}.py").write_text("raise RuntimeError('this is the module of another project')\n")
