import importlib.util
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

EXPLORER = Path(__file__).parents[3] / "src" / "casegraph" / "edge" / "explorer"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    """Load the hook as Hatchling does: by its path, without an entry in sys.modules."""
    spec = importlib.util.spec_from_file_location("hatch_build", EXPLORER / "build_hook.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Tools:
    """Node and npm as the hook sees them: what was run, and what running it does."""

    def __init__(self, version: str = "v20.20.2") -> None:
        self.version = version
        self.commands = []
        self.timeouts = []
        self.folders = []
        self.failures = {}
        self.now = 0.0
        self.seconds = 1.0

    def which(self, name: str) -> str | None:
        """Find every program."""
        return f"/tools/{name}"

    def run(self, command: Sequence[str], folder: Path, timeout: float) -> str:
        """Do what the program would do, as far as the hook can tell."""
        step = command[1]
        self.commands.append(list(command))
        self.timeouts.append(timeout)
        self.folders.append(folder)
        self.now += self.seconds
        if step in self.failures:
            raise self.failures[step]
        if step == "--version":
            return f"{self.version}\n"
        if step == "build.mjs":
            built = Path(command[2])
            built.mkdir()
            (built / "manifest.json").write_text(json.dumps({"made": len(self.commands)}))
        return ""

    def steps(self) -> list[str]:
        """Return the first argument of each command that was run."""
        return [command[1] for command in self.commands]


class Installation:
    """One source tree, the tools of one machine, and what a person was told."""

    def __init__(self, hook: ModuleType, folder: Path) -> None:
        self.hook = hook
        self.sources = folder / "sources"
        self.bundle = folder / "bundle"
        self.tools = Tools()
        self.told = []
        self.warnings = []
        (self.sources / "plugins").mkdir(parents=True)
        (self.sources / "package.json").write_text("{}")
        (self.sources / "plugins" / "index.js").write_text("export {};")

    def install(self, environ: dict[str, str] | None = None) -> None:
        """Do what the hook does in one installation."""
        build = self.hook.ExplorerBuild(
            sources=self.sources,
            bundle=self.bundle,
            run=self.tools.run,
            which=self.tools.which,
            clock=lambda: self.tools.now,
        )
        self.hook.ensure_bundle(
            build, environ=environ or {}, inform=self.told.append, warn=self.warnings.append
        )


@pytest.fixture
def installation(hook: ModuleType, tmp_path: Path) -> "Installation":
    """Lay out a fresh source tree on a machine with Node and npm."""
    return Installation(hook, tmp_path)


def test_a_bundle_is_made_with_node_and_npm(installation: "Installation") -> None:
    """The packages come without scripts or lock file, then the build fills the bundle folder."""
    installation.install()

    assert installation.tools.steps() == ["--version", "install", "build.mjs"]
    install = installation.tools.commands[1]
    assert {"--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"} <= set(install)
    assert json.loads((installation.bundle / "manifest.json").read_text()) == {"made": 3}
    assert installation.warnings == []


def test_the_work_is_done_in_a_temporary_folder(installation: "Installation") -> None:
    """The source tree gets a bundle and no node_modules, and the folder is gone afterwards."""
    installation.install()

    assert {folder.is_relative_to(EXPLORER) for folder in installation.tools.folders} == {False}
    assert {folder.exists() for folder in installation.tools.folders} == {False}
    assert sorted(path.name for path in installation.sources.iterdir()) == [
        "package.json",
        "plugins",
    ]


def test_a_bundle_of_the_same_sources_is_not_made_again(installation: "Installation") -> None:
    """The second installation starts no program."""
    installation.install()
    installation.tools.commands.clear()

    installation.install()

    assert installation.tools.commands == []
    assert "already built" in installation.told[-1]


@pytest.mark.parametrize("change", ["edit", "add", "rename", "remove"])
def test_any_change_of_the_sources_makes_a_new_bundle(
    installation: "Installation", change: str
) -> None:
    """The digest covers names and contents."""
    installation.install()
    plugin = installation.sources / "plugins" / "index.js"
    match change:
        case "edit":
            plugin.write_text("export { };")
        case "add":
            (installation.sources / "extra.css").write_text("")
        case "rename":
            plugin.rename(plugin.with_name("other.js"))
        case "remove":
            plugin.unlink()
    installation.tools.commands.clear()

    installation.install()

    assert installation.tools.steps() == ["--version", "install", "build.mjs"]


def test_files_of_an_old_bundle_do_not_stay(installation: "Installation") -> None:
    """A new bundle replaces the folder as a whole."""
    installation.install()
    (installation.bundle / "old-part.js.gz").write_bytes(b"")
    (installation.sources / "package.json").write_text('{"name": "changed"}')

    installation.install()

    assert not (installation.bundle / "old-part.js.gz").exists()


@pytest.mark.parametrize("missing", ["node", "npm"])
def test_without_node_the_package_still_installs(
    installation: "Installation", missing: str
) -> None:
    """There is one warning that says what is missing and what to do, and no bundle."""
    found = installation.tools.which
    installation.tools.which = lambda name: None if name == missing else found(name)

    installation.install()

    assert not installation.bundle.exists()
    assert len(installation.warnings) == 1
    assert f"`{missing}` is not on PATH" in installation.warnings[0]
    assert "install Node 20 or newer" in installation.warnings[0]


@pytest.mark.parametrize("version", ["v18.20.0", "v8.0.0", "unexpected"])
def test_an_old_node_is_not_tried(installation: "Installation", version: str) -> None:
    """Node below 20, or something that only calls itself node, ends in a warning."""
    installation.tools.version = version

    installation.install()

    assert installation.tools.steps() == ["--version"]
    assert f"Node {version} is too old" in installation.warnings[0]


@pytest.mark.parametrize(
    ("step", "failure", "expected"),
    [
        ("install", subprocess.CalledProcessError(1, ["npm", "install"], stderr="E404"), "E404"),
        ("install", subprocess.TimeoutExpired(["npm"], 120), "more than 120 s"),
        ("build.mjs", subprocess.CalledProcessError(1, ["node", "build.mjs"]), "status 1"),
        ("--version", PermissionError(13, "not executable"), "not executable"),
        ("build.mjs", RuntimeError("something unforeseen"), "something unforeseen"),
    ],
)
def test_whatever_fails_becomes_a_warning(
    installation: "Installation", step: str, failure: Exception, expected: str
) -> None:
    """The installation goes on, without a bundle and with the reason."""
    installation.tools.failures[step] = failure

    installation.install()

    assert not installation.bundle.exists()
    assert expected in installation.warnings[0]


def test_a_build_without_a_manifest_is_a_failure(installation: "Installation") -> None:
    """A folder the page could not use is not put in place."""
    run = installation.tools.run

    def forgetful(command: Sequence[str], folder: Path, timeout: float) -> str:
        output = run(command, folder, timeout)
        if command[1] == "build.mjs":
            (Path(command[2]) / "manifest.json").unlink()
        return output

    installation.tools.run = forgetful

    installation.install()

    assert not installation.bundle.exists()
    assert "without a manifest" in installation.warnings[0]


def test_a_failed_build_leaves_the_bundle_that_was_there(installation: "Installation") -> None:
    """An explorer a little old is better than none."""
    installation.install()
    (installation.sources / "package.json").write_text('{"name": "changed"}')
    installation.tools.failures["install"] = subprocess.TimeoutExpired(["npm"], 120)

    installation.install()

    assert (installation.bundle / "manifest.json").is_file()
    assert len(installation.warnings) == 1


def test_all_steps_share_one_time_limit(installation: "Installation") -> None:
    """Each step may use what the steps before it left of the two minutes."""
    installation.tools.seconds = 50.0

    installation.install()

    assert installation.tools.timeouts == [120.0, 70.0, 20.0]


def test_the_explorer_can_be_switched_off(installation: "Installation") -> None:
    """With CASEGRAPH_BUILD_EXPLORER=0 nothing runs, and nothing is warned about."""
    installation.install({"CASEGRAPH_BUILD_EXPLORER": "0"})

    assert installation.tools.commands == []
    assert installation.warnings == []
    assert not installation.bundle.exists()


def test_a_real_command_is_ended_at_its_time_limit(hook: ModuleType, tmp_path: Path) -> None:
    """The runner gives up on a program that does not end."""
    with pytest.raises(subprocess.TimeoutExpired):
        hook.run_command(["tail", "-f", "/dev/null"], tmp_path, 0.05)


class Application:
    """Where Hatchling shows messages."""

    def __init__(self) -> None:
        self.shown = []

    def display_info(self, message: str) -> None:
        """Note a message."""
        self.shown.append(message)

    def display_warning(self, message: str) -> None:
        """Note a warning."""
        self.shown.append(message)


@pytest.mark.parametrize(
    ("target", "version", "expected"),
    [("wheel", "standard", 1), ("wheel", "editable", 1), ("sdist", "standard", 0)],
)
def test_hatchling_calls_it_for_both_kinds_of_wheel(
    hook: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    target: str,
    version: str,
    expected: int,
) -> None:
    """Standard and editable wheels get a bundle; an sdist carries sources alone."""
    monkeypatch.setenv("CASEGRAPH_BUILD_EXPLORER", "0")
    app = Application()
    made = hook.ExplorerBuildHook(str(tmp_path), {}, None, None, str(tmp_path), target, app)

    made.initialize(version, {})

    assert len(app.shown) == expected
