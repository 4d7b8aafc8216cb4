"""One engine beside which training and estimating are timed: `trainer bench training` starts it.

    training.py step|estimate|onnxruntime FOLDER IMAGES SIDE WIDTH THREADS CHECKED

Says what it is and what it computes, as one line of JSON; then works once for each line it is given, and answers with
the milliseconds.
"""

import pathlib
import sys

import numpy

from peer import onnxruntime_session, serve


def network(width):
    """torchvision's ResNet-18 without its last layer."""
    import torch
    from torch import nn

    class Block(nn.Module):
        def __init__(self, inside, out, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(inside, out, 3, stride, 1, bias=False)
            self.bn1 = nn.BatchNorm2d(out)
            self.conv2 = nn.Conv2d(out, out, 3, 1, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(out)
            self.downsample = None
            if stride != 1 or inside != out:
                self.downsample = nn.Sequential(nn.Conv2d(inside, out, 1, stride, bias=False), nn.BatchNorm2d(out))

        def forward(self, x):
            shortcut = x if self.downsample is None else self.downsample(x)
            x = torch.relu_(self.bn1(self.conv1(x)))
            return torch.relu_(self.bn2(self.conv2(x)).add_(shortcut))

    class ResNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
            self.bn1 = nn.BatchNorm2d(width)
            self.pool = nn.MaxPool2d(3, 2, 1)
            inside = width
            for stage in range(4):
                out = width << stage
                blocks = [Block(inside, out, 2 if stage else 1), Block(out, out, 1)]
                setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
                inside = out

        def forward(self, x):
            x = self.pool(torch.relu_(self.bn1(self.conv1(x))))
            return self.layer4(self.layer3(self.layer2(self.layer1(x))))

    return ResNet()


def mobilenet(width):
    """MobileNet-v1 without batch normalisation, padded as TensorFlow pads: where a stride leaves one over, behind."""
    import torch
    from torch import nn

    pairs = [(2, 1), (4, 2), (4, 1), (8, 2), (8, 1), (16, 2), *[(16, 1)] * 5, (32, 2), (32, 1)]

    class Convolution(nn.Conv2d):
        def __init__(self, inside, out, side, stride, groups=1):
            super().__init__(inside, out, side, stride, side // 2 if stride == 1 else 0, groups=groups)

        def forward(self, x):
            if self.stride == (2, 2):
                # Square maps: behind the last pixel, and before the first one where their side is odd.
                before = x.shape[-1] % 2
                x = nn.functional.pad(x, (before, 1, before, 1))
            return nn.functional.relu6(super().forward(x), inplace=True)

    class Pair(nn.Module):
        def __init__(self, inside, out, stride):
            super().__init__()
            self.depth = Convolution(inside, inside, 3, stride, inside)
            self.point = Convolution(inside, out, 1, 1)

        def forward(self, x):
            return self.point(self.depth(x))

    class MobileNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = Convolution(3, width, 3, 2)
            widths = [width, *(width * factor for factor, _ in pairs)]
            made = [Pair(inside, out, stride) for inside, out, (_, stride) in zip(widths, widths[1:], pairs)]
            self.pairs = nn.Sequential(*made)

        def forward(self, x):
            return self.pairs(self.conv1(x))

    return MobileNet()


def loaded(folder, width, threads):
    import torch
    from safetensors.torch import load_file

    torch.set_num_threads(threads)
    state = load_file(folder / "backbone.safetensors")
    net = mobilenet(width) if "pairs.0.depth.weight" in state else network(width)
    missing, unexpected = net.load_state_dict(state, strict=False)
    wrong = [name for name in missing if not name.endswith("num_batches_tracked")] + unexpected
    assert not wrong, f"the state dict is another network's: {wrong}"
    # What PyTorch's own guide advises on processors.
    return net.to(memory_format=torch.channels_last), f"PyTorch {torch.__version__}"


def step(folder, pixels, width, threads, checked):
    import torch

    net, version = loaded(folder, width, threads)
    pixels = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)
    parameters = list(net.parameters())
    sgd = torch.optim.SGD(parameters, lr=0.01, momentum=0.9, nesterov=True, weight_decay=5e-4)

    def run():
        sgd.zero_grad(set_to_none=True)
        loss = net(pixels).square().mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 5.0)
        sgd.step()
        return loss.item()

    return version, numpy.array([run() for _ in range(checked)]), run


def estimate(folder, pixels, width, threads, _):
    import torch

    net, version = loaded(folder, width, threads)
    net.eval()
    pixels = torch.from_numpy(pixels).contiguous(memory_format=torch.channels_last)

    def run():
        with torch.inference_mode():
            return net(pixels).contiguous().numpy()

    return version, run(), run


def onnxruntime(folder, pixels, _width, threads, _checked):
    version, session = onnxruntime_session(folder / "network.onnx", threads)

    def run():
        return session.run(["logits"], {"input": pixels})[0]

    return version, run(), run


def main():
    what, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    images, side, width, threads, checked = map(int, sys.argv[3:])
    pixels = numpy.fromfile(folder / "input.f32", "<f4").reshape(-1, 3, side, side)[:images].copy()
    engines = {"step": step, "estimate": estimate, "onnxruntime": onnxruntime}
    serve(*engines[what](folder, pixels, width, threads, checked))


main()
