from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

GUIDE = Path(__file__).parents[2] / "docs" / "guide"


def test_the_picture_in_the_guide_is_what_its_script_draws(tmp_path: Path) -> None:
    spec = spec_from_file_location("simulator_plot", GUIDE / "simulator_plot.py")
    assert spec is not None
    assert spec.loader is not None
    script = module_from_spec(spec)
    spec.loader.exec_module(script)
    script.main(tmp_path / "simulator.svg")
    assert (tmp_path / "simulator.svg").read_text() == (GUIDE / "simulator.svg").read_text()
