"""Additions to a tiny model: LoRAs, learned words, quantised denoisers."""

import copy
from pathlib import Path
from typing import Any


def lora(
    pipeline: Any, file: Path, *, seed: int = 3, part: str = "unet", targets: Any = None
) -> Path:
    """A LoRA of rank 2 on a component's attention, as diffusers writes it."""
    import torch
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict
    from safetensors.torch import save_file

    component = copy.deepcopy(getattr(pipeline, part))
    config = LoraConfig(r=2, lora_alpha=2, target_modules=targets or ["to_q", "to_v"])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        component.add_adapter(config, "made")
        for name, tensor in component.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(tensor, std=0.3)
    tensors = get_peft_model_state_dict(component, adapter_name="made")
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({f"{part}.{name}": each.contiguous() for name, each in tensors.items()}, file)
    return file


def word(file: Path, **shapes: tuple[int, int]) -> Path:
    """A learned word: vectors of (N, D) by the tensors' names."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(7)
    save_file(
        {name: torch.randn(shape, generator=generator) for name, shape in shapes.items()}, file
    )
    return file


def quantised(module: Any, file: Path) -> Path:
    """A denoiser's weights in GGUF's 8-bit form; what is no matrix of whole blocks stays fp32."""
    import gguf

    writer = gguf.GGUFWriter(str(file), "flux")
    for name, tensor in module.state_dict().items():
        values = tensor.float().numpy()
        if values.ndim == 2 and values.shape[1] % 32 == 0:
            form = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(values, form), raw_dtype=form)
        else:
            writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return file
