"""Configurations of transformers that name code or addresses: nothing is fetched, imported or silently left out."""

from __future__ import annotations

import json
import subprocess
import textwrap

import pytest
from gate_project import COMMAND, environment

import archscope
from archscope.errors import SpecError
from archscope.sources import load

pytest.importorskip("transformers")

BERT = {
    "model_type": "bert",
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 100,
}
CLIP = {
    "model_type": "clip",
    "text_config": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 50},
    "vision_config": {"hidden_size": 16, "num_hidden_layers": 1, "image_size": 32, "patch_size": 8},
}


def written(folder, **fields):
    (folder / "config.json").write_text(json.dumps({**BERT, **fields}))
    return f"hf:{folder}"


@pytest.mark.parametrize("value", ["kernels-community/evil-attn", "evil-user/evil-attn", "flash_attention_2"])
def test_no_kernel_is_asked_of_a_hub(tmp_path, value):
    """By an installed `kernels` package that writes down what it is asked for, and fetches nothing."""
    site, mark = tmp_path / "site", tmp_path / "asked"
    (site / "kernels").mkdir(parents=True)
    (site / "kernels" / "__init__.py").write_text(
        textwrap.dedent(f"""\
        def get_kernel(*names, **options):
            open({str(mark)!r}, "a").write(repr(names))
            raise RuntimeError("code of a stranger would run here")
        def __getattr__(name):
            return lambda *names, **options: (lambda thing: thing)
        """)
    )
    (site / "kernels-0.18.2.dist-info").mkdir()
    (site / "kernels-0.18.2.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: kernels\nVersion: 0.18.2\n"
    )
    done = subprocess.run(
        [COMMAND, "analyze", written(tmp_path, attn_implementation=value), "--no-files"],
        env=environment(PYTHONPATH=str(site)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: attn_implementation = '{value}' names code of its own")
    assert not mark.exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"attn_implementation": "kernels-community/evil-attn"},
        {"attn_implementation": "evil-user/evil-attn@main:forward"},
        {"_attn_implementation": "evil-user/evil-attn"},
        {"_attn_implementation_internal": "evil-user/evil-attn"},
        {"attn_implementation": {"": "evil-user/evil-attn"}},
        {"attn_implementation": "flash_attention_2"},  # fetched from a hub where the package is missing
        {"attn_implementation": "paged|evil-user/evil-attn"},
        {"attn_implementation": ["evil-user/evil-attn"]},
        {"experts_implementation": "sonicmoe"},
        {"_experts_implementation": {"": "evil-user/experts"}},
        {"auto_map": {"AutoConfig": "conf.C", "AutoModel": "conf.M"}, "architectures": ["M"]},
        {"auto_map": {"AutoModel": "evil-user/evil--conf.M"}},
        {"extra": {"deeper": [{"auto_map": {"AutoModel": "conf.M"}}]}},
        {"custom_generate": "evil-user/generate"},
        {"custom_pipelines": {"x": {"impl": "conf.P"}}},
        {"trust_remote_code": True},
        {"code_revision": "main"},
        {"kernel_config": {"RMSNorm": "evil-user/norm:Norm"}},
        {"quantization_config": {"quant_method": "evil/plugin"}},
        {"quantization_config": {"quant_method": "awq", "plugin": "evil"}},
        {"quantization_config": {"modules": [{"loader": "package.module:Loader"}]}},
        {"dataset": "https://example.org/x"},
        {"backbone": "hf-hub:evil/model"},
        {"backbone": "evil/model"},
        {"backbone_config": {"model_type": "timm_backbone", "backbone": "hf_hub:evil/model"}},
        {"model_args": {"checkpoint_path": "weights.pth"}},
        {"model_args": {"pretrained_cfg": {"url": "x"}}},
        {"index_path": "x"},
        {"gguf_file": "x.gguf"},
        {"adapter_name_or_path": "evil/adapter"},
    ],
    ids=lambda fields: json.dumps(fields)[:60],
)
def test_a_field_that_names_code_or_an_address_is_refused(tmp_path, fields):
    with pytest.raises(SpecError, match="names code of its own, which archscope does not run, or an address"):
        load(written(tmp_path, **fields)).build()


@pytest.mark.parametrize("field", ["attn_implementation", "auto_map", "backbone"])
def test_such_a_field_inside_a_nested_configuration_is_refused_too(tmp_path, field):
    for part in ("text_config", "vision_config"):
        config = {**CLIP, part: {**CLIP[part], field: "evil-user/x"}}
        (tmp_path / "config.json").write_text(json.dumps(config))
        with pytest.raises(SpecError, match=rf"{part}\.{field} = 'evil-user/x' names code"):
            load(f"hf:{tmp_path}")


def test_such_a_field_from_the_command_line_or_a_config_is_refused_too():
    with pytest.raises(SpecError, match="names code of its own"):
        load("hf:BertModel", _attn_implementation="evil-user/evil-attn")


@pytest.mark.parametrize(
    "fields",
    [
        {"_attn_implementation": "sdpa"},
        {"attn_implementation": {"": "sdpa"}},
        {"auto_map": None},
        {"auto_map": {}},
        {"_name_or_path": "google-bert/bert-base-uncased", "transformers_version": "4.1"},
        {"license": "https://www.apache.org/licenses/LICENSE-2.0"},
        {"use_pretrained_backbone": True},
        {"tokenizer_class": "BertTokenizer", "hidden_act": "gelu", "torch_dtype": "float32"},
        {"task_specific_params": {"summarization": {"prefix": "summarize: a/b"}}},
    ],
    ids=lambda fields: json.dumps(fields)[:60],
)
def test_fields_that_name_neither_change_no_figure(tmp_path, fields):
    plain = archscope.analyze(load(written(tmp_path))).totals
    assert archscope.analyze(load(written(tmp_path, **fields))).totals == plain


def test_an_implementation_of_transformers_itself_may_be_chosen(tmp_path):
    plain = archscope.analyze(load(written(tmp_path))).totals
    eager = archscope.analyze(load(written(tmp_path, attn_implementation="eager"))).totals
    assert (eager.parameters, eager.macs) == (plain.parameters, plain.macs)
    assert eager.activations != plain.activations  # it is another implementation


def test_a_quantised_configuration_is_measured_before_it_is_quantised_and_says_so(tmp_path):
    spec = load(written(tmp_path, quantization_config={"quant_method": "fp8", "weight_block_size": [128, 128]}))
    assert spec.description == "measured as it is before quantization_config changes its weights"
    assert archscope.analyze(spec).totals == archscope.analyze(load(written(tmp_path))).totals


def test_an_architecture_that_transformers_lacks_is_told_and_one_of_another_kind_refused(tmp_path):
    spec = load(written(tmp_path, architectures=["MysteryModel"]))
    assert spec.description == "transformers has no MysteryModel: measured as its BertModel"
    for other in ("BertTokenizer", "GPT2Model", "pipeline", "BertConfig"):
        try:
            spec = load(written(tmp_path, architectures=[other]))
        except SpecError as error:
            assert "which is no model of type 'bert'" in error.what  # noqa: PT017 - the other way out is checked below
        else:
            assert spec.description.startswith(f"transformers has no {other}")
    for wrong in ({"a": 1}, "BertModel", [1], [["BertModel"]]):
        with pytest.raises(SpecError, match="architectures is no list of names"):
            load(written(tmp_path, architectures=wrong))


def test_no_hub_is_asked_even_where_transformers_would(tmp_path, monkeypatch):
    import huggingface_hub.constants

    seen = []
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    spec = load(written(tmp_path))
    with spec.within():
        seen.append(huggingface_hub.constants.HF_HUB_OFFLINE)
    assert seen == [True]
    assert huggingface_hub.constants.HF_HUB_OFFLINE is False
    detr = {"model_type": "detr", "backbone": "mystery", "use_timm_backbone": False, "backbone_kwargs": {"a": 1}}
    (tmp_path / "config.json").write_text(json.dumps(detr))
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("the network was asked"))
    with pytest.raises(SpecError, match="cannot be made of these fields"):
        load(f"hf:{tmp_path}")


@pytest.mark.parametrize(
    "text",
    [
        '{"model_type": "bert", "hidden_size": ' + "9" * 5000 + "}",
        '{"model_type": "bert", "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"model_type": "bert", "x": ' + "[" * 60 + "]" * 60 + "}",
        '{"model_type": "bert", "num_labels": 1000000000}',
        '{"model_type": "llama", "num_hidden_layers": 1000000000}',
        '{"model_type": "bert", "id2label": {"a": "b"}}',
        '{"model_type": "bert", "self": 1}',
        '{"model_type": "bert", "hidden_size": "wide"}',
        '{"model_type": "bert", "torch_dtype": "nothing"}',
        '{"model_type": "clip", "vision_config": [1]}',
    ],
    ids=lambda text: text[:70],
)
def test_a_configuration_that_makes_no_model_is_an_error_of_the_file(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(SpecError):
        load(f"hf:{tmp_path}")
    if '"bert"' in text and "id2label" not in text:  # the same file without its prefix
        with pytest.raises(archscope.ArchscopeError):
            load(f"{tmp_path}/config.json")


def test_infinity_as_transformers_writes_it_is_read(tmp_path):
    config = {"model_type": "mamba2", "num_hidden_layers": 1, "time_step_limit": [0.0, {"__float__": "Infinity"}]}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert load(f"hf:{tmp_path}").inputs
