"""The formats of `fluke export`, and their files."""

from typing import Literal

Format = Literal["savedmodel", "onnx", "litert", "openvino"]
FILES: dict[Format, str] = {
    "savedmodel": "saved_model.pb",
    "onnx": "model.onnx",
    "litert": "model.tflite",
    "openvino": "model.xml",
}
