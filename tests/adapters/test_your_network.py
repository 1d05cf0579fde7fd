"""The page "Your network": every block runs as written, and takes at most ten lines from import to report.html."""

import re
import warnings
from pathlib import Path

import pytest
import torch

from checkout import ROOT

BLOCKS = dict(
    re.findall(
        r"^## ([^\n]+)\n(?:(?!^## ).)*?^```py\n(.*?)^```", (ROOT / "docs/your_network.md").read_text(), re.M | re.S
    )
)
PACKAGES = {"denoising-diffusion-pytorch": "denoising_diffusion_pytorch", "k-diffusion": "k_diffusion", "EDM": "torch"}
SHORT = (
    "compare(network, training.subset(20), held_out.subset(10), __import__('idealscore.compare').compare.Comparison("
    "levels=2, sigma_min=0.1, sigma_max=5.0, n_images=4, n_noise=1, theories=('gaussian',)), show=False)"
)


class Backbone(torch.nn.Module):
    """A network of (x, time)."""

    sigma_data, img_resolution, img_channels = 0.5, 8, 1

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(1, 1, 3, padding=1)

    def forward(self, x, t, **_):
        return self.layer(x) * t.reshape(-1, 1, 1, 1).to(x.dtype).tanh()


def test_the_page_has_a_block_for_each_library_of_at_most_ten_lines():
    assert len(BLOCKS) == 8
    for name, block in BLOCKS.items():
        lines = [line for line in block.splitlines() if line.strip()]
        assert lines[0].startswith("from") and "report(" in lines[-1] and len(lines) <= 10, name
        wrapping = [line for line in lines if line.startswith("network =")]
        assert len(wrapping) == 1, name


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.sampled(0.2, "diffusers")
def test_a_block_leads_to_a_report(name: str, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    package = PACKAGES.get(name) or name
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.simplefilter("ignore")
        library = pytest.importorskip(package, reason=f"{package} is not installed", exc_type=ImportError)
        namespace = {"my_backbone": Backbone(), "my_module": Backbone()}
        if name == "diffusers":
            two = dict(block_out_channels=(8, 8), norm_num_groups=4, layers_per_block=1, sample_size=8)
            kinds = dict(down_block_types=("DownBlock2D",) * 2, up_block_types=("UpBlock2D",) * 2)
            net = library.UNet2DModel(in_channels=1, out_channels=1, **two, **kinds)
            library.DDPMPipeline(net, library.DDPMScheduler()).save_pretrained("my-pipeline")
        exec(compile(BLOCKS[name].replace("compare(network, training, held_out)", SHORT), name, "exec"), namespace)
    assert "gaussian" in capsys.readouterr().out
    assert (Path("my-report") / "report.html").stat().st_size > 1000
