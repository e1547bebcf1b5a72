# SPDX-License-Identifier: Apache-2.0
"""
convert_gguf.py FILE.gguf FOLDER: weights, configuration and tokenizer as vLLM reads them. Runs in the environment of
bench/setup-vllm. The quantized numbers become bfloat16; nothing is asked of any hub.
"""
import json
import os
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

TIED = "lm_head.weight"  # the same numbers as the embedding, which stands for both


def main(source, target):
    folder, name = os.path.split(os.path.realpath(source))
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.bfloat16,
                                                 quantization_config=GgufConfig(dequantize=True))
    os.makedirs(target, exist_ok=True)
    weights = {key: value.contiguous() for key, value in model.state_dict().items() if key != TIED}
    save_file(weights, os.path.join(target, "model.safetensors"), metadata={"format": "pt"})
    config = model.config.to_dict()
    for key in ("quantization_config", "_name_or_path", "_model_name_or_path"):
        config.pop(key, None)
    config["architectures"] = [type(model).__name__]
    with open(os.path.join(target, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file, indent=2, default=str)
    AutoTokenizer.from_pretrained(folder, gguf_file=name).save_pretrained(target)


if __name__ == "__main__":
    main(*sys.argv[1:])
