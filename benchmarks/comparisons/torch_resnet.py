"""Train a ResNet from scratch by torchvision's recipe on tiles that fluke made; runs in an environment with PyTorch.

    TORCH/bin/python benchmarks/comparisons/torch_resnet.py TILES.npz ANSWERS.npy --depth 18 --epochs 80

TILES.npz has `train` and `test`: uint8 (n, side, side, 3), and `labels`, the classes of the train tiles: int (n,).
ANSWERS.npy gets the probabilities of the test tiles: floats (n, classes).

The network is ResNet18 or ResNet34 (He et al., arXiv:1512.03385), with the layers and the initial weights of
torchvision. The recipe is that of torchvision's references/classification: SGD, learning rate 0.1 for 256 photos a step
and in proportion for fewer, momentum 0.9, weight decay 1e-4, divided by ten after one and two thirds of the epochs;
crops of 8 to 100 % of the area, and mirror images. The last weights answer.
"""

import argparse
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # noqa: N812 (its usual name)

BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}
_MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
_STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut: (n, channels_in, h, w) to (n, channels, h/stride, w/stride)."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        changes = stride != 1 or channels_in != channels
        self.shortcut = (
            nn.Sequential(nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))
            if changes
            else nn.Identity()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.body(x) + self.shortcut(x))


def resnet(depth: int, classes: int) -> nn.Module:
    """Return the network with torchvision's initial weights: floats (n, 3, h, w) to logits (n, classes)."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
    ]
    channels_in = 64
    for stage, blocks in enumerate(BLOCKS[depth]):
        channels = 64 * 2**stage
        for block in range(blocks):
            layers.append(BasicBlock(channels_in, channels, 2 if stage and not block else 1))
            channels_in = channels
    network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def resized_crops(photos: torch.Tensor, random: np.random.Generator) -> torch.Tensor:
    """Cut out a random part of each photo, enlarge it, and mirror half of them: floats (n, 3, side, side), the same."""
    side = photos.shape[-1]
    out = torch.empty_like(photos)
    for number, photo in enumerate(photos):
        area, ratio = random.uniform(0.08, 1) * side * side, math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
        width, height = (min(side, max(1, round(math.sqrt(area * r)))) for r in (ratio, 1 / ratio))
        left, top = random.integers(side - width + 1), random.integers(side - height + 1)
        part = photo[None, :, top : top + height, left : left + width]
        crop = F.interpolate(part, (side, side), mode="bilinear", antialias=True)[0]
        out[number] = crop.flip(-1) if random.random() < 0.5 else crop
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("tiles")
    parser.add_argument("answers")
    parser.add_argument("--depth", type=int, choices=BLOCKS, default=18)
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    torch.manual_seed(asked.seed)
    random = np.random.default_rng(asked.seed)
    with np.load(asked.tiles) as stored:
        train, test = (torch.from_numpy(stored[split]).permute(0, 3, 1, 2) for split in ("train", "test"))
        labels = torch.from_numpy(stored["labels"]).long()
    network = resnet(asked.depth, int(labels.max()) + 1)
    optimizer = torch.optim.SGD(network.parameters(), 0.1 * asked.batch / 256, momentum=0.9, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, max(1, asked.epochs // 3), 0.1)
    for epoch in range(asked.epochs):
        network.train()
        total = 0.0
        order = random.permutation(len(labels))
        for start in range(0, len(order) - asked.batch + 1, asked.batch):
            rows = torch.from_numpy(order[start : start + asked.batch])
            batch = resized_crops(train[rows].float() / 255, random)
            loss = F.cross_entropy(network((batch - _MEAN) / _STD), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(rows)
        schedule.step()
        print(f"epoch {epoch + 1}: loss {total / len(order):.4f}", flush=True)
    np.save(asked.answers, _probabilities(network, test))


def _probabilities(network: nn.Module, photos: torch.Tensor) -> NDArray[np.float32]:
    network.eval()
    with torch.inference_mode():
        logits = [network((part.float() / 255 - _MEAN) / _STD) for part in photos.split(256)]
        return np.asarray(torch.cat(logits).softmax(1).numpy(), np.float32)


if __name__ == "__main__":
    main()
