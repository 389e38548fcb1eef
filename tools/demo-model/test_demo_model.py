"""Checks of the parts that training relies on: `python -m unittest`, a few seconds on a CPU."""

import json
import unittest
from pathlib import Path
from random import Random

import jinja2
import torch
from tokenizers import Tokenizer

from attention import Documents
from batches import Document, Encoder, pack
from chat import render
from checkpoint import from_hf, to_hf
from fp8 import dequantise, quantise
from model import Network
from shape import MAX_POSITION_EMBEDDINGS, REHEARSAL, Shape
from special_tokens import ADDED, BOS, EOS, SPECIAL
from tasks import TASKS, Corpus, conversation, draw, is_held_out

DEMO = Path(__file__).parents[2] / "models" / "demo"
SEED = 7
LINES = "KING HENRY:\nSo shaken as we are, so wan with care,\nFind we a time for peace.\n\n"


def small_corpus() -> Corpus:
    return Corpus(LINES * 400)


def load_template() -> jinja2.Template:
    """The template under the settings that Hugging Face renders with."""
    config = json.loads((DEMO / "tokenizer_config.json").read_text(encoding="utf-8"))
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(config["chat_template"])


class ChatTest(unittest.TestCase):
    def setUp(self):
        self.template = load_template()
        self.tokenizer = Tokenizer.from_file(str(DEMO / "tokenizer.json"))

    def rendered(self, messages, **options) -> str:
        return self.template.render(messages=messages, bos_token=BOS, eos_token=EOS, **options)

    def test_training_prompts_are_those_of_the_template(self):
        rng, corpus = Random(SEED), small_corpus()
        for _ in range(400):
            item = conversation(rng, corpus)
            segments = render(list(item.messages), list(item.tools), item.thinking)
            prompt = "".join(segment.text for segment in segments[:-1])
            expected = self.rendered(
                item.messages[:-1],
                tools=list(item.tools) or None,
                thinking=item.thinking,
                add_generation_prompt=True,
            )
            self.assertEqual(prompt, expected)

    def test_ids_of_segments_are_those_of_the_whole_text(self):
        rng, corpus = Random(SEED), small_corpus()
        for _ in range(200):
            item = conversation(rng, corpus)
            texts = [s.text for s in render(list(item.messages), list(item.tools), item.thinking)]
            parts = [self.tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
            whole = self.tokenizer.encode("".join(texts), add_special_tokens=False)
            self.assertEqual([i for part in parts for i in part], whole.ids)

    def test_history_drops_thoughts_and_takes_arguments_in_both_forms(self):
        function = {"name": "f", "arguments": {"a": 1}}
        messages = [
            {"role": "user", "content": "x"},
            {"role": "assistant", "content": "<think>\nhm\n</think>\n\nyes"},
            {"role": "user", "content": "y"},
            {"role": "assistant", "content": None, "tool_calls": [{"function": function}]},
            {"role": "tool", "content": "2"},
        ]
        text = self.rendered(messages, add_generation_prompt=True)
        self.assertNotIn("hm", text)
        self.assertTrue(text.endswith("<｜tool▁output▁begin｜>2<｜tool▁output▁end｜>"))
        function["arguments"] = json.dumps(function["arguments"])
        self.assertEqual(text, self.rendered(messages, add_generation_prompt=True))

    def test_the_next_prompt_continues_the_last_one(self):
        first = [{"role": "user", "content": "x"}]
        second = [*first, {"role": "assistant", "content": "yes"}, {"role": "user", "content": "y"}]
        before = self.rendered(first, add_generation_prompt=True) + "yes" + EOS
        self.assertTrue(self.rendered(second, add_generation_prompt=True).startswith(before))

    def test_marker_tokens_are_single_ids_in_the_expected_places(self):
        size = self.tokenizer.get_vocab_size()
        for index, token in enumerate(SPECIAL):
            self.assertEqual(self.tokenizer.token_to_id(token), index)
        for index, token in enumerate(ADDED):
            self.assertEqual(self.tokenizer.token_to_id(token), size - len(ADDED) + index)

    def test_any_text_survives_the_tokenizer(self):
        for text in ("naïve  café\n\n\tx", "你好 👩‍👩‍👧 1234", "\u0000\u007f\r\n"):
            ids = self.tokenizer.encode(text, add_special_tokens=False).ids
            self.assertEqual(self.tokenizer.decode(ids, skip_special_tokens=False), text)


class SplitTest(unittest.TestCase):
    def test_both_sides_are_drawn_and_do_not_meet(self):
        rng, corpus = Random(SEED), small_corpus()
        for task in ("addition", "lookup", "reverse", "json", "tool_call"):
            held_out = draw(task, rng, corpus, held_out=True)
            self.assertTrue(is_held_out(held_out.identity))
        for _ in range(50):
            self.assertFalse(is_held_out(draw("addition", rng, corpus, held_out=False).identity))

    def test_every_task_ends_with_the_assistant(self):
        rng, corpus = Random(SEED), small_corpus()
        for task in TASKS:
            self.assertEqual(draw(task, rng, corpus, False).messages[-1]["role"], "assistant")


class PackingTest(unittest.TestCase):
    def test_streams_are_full_and_positions_stay_within_the_context(self):
        too_long = MAX_POSITION_EMBEDDINGS + 1
        lengths = [5000, 4000, too_long, 300, 7000, 20]
        documents = [Document([9] * n, [False] + [True] * (n - 1)) for n in lengths]
        size = 3 * MAX_POSITION_EMBEDDINGS
        batches = list(pack(documents, size, pad_id=2))
        self.assertEqual(sum(len(b.targets) for b in batches), sum(lengths) - too_long - 5)
        for batch in batches:
            self.assertEqual(len(batch.tokens), size)
            self.assertEqual(sum(batch.lengths), size)
            self.assertLess(batch.positions.max(), MAX_POSITION_EMBEDDINGS)
            self.assertTrue((batch.targets == batch.tokens[batch.target_at + 1]).all())

    def test_targets_are_what_the_assistant_says(self):
        encoder = Encoder(DEMO / "tokenizer.json")
        item = draw("addition", Random(SEED), small_corpus(), held_out=False)
        (batch,) = pack(encoder.encode_items([item]), 512, encoder.pad_id)
        text = Tokenizer.from_file(str(DEMO / "tokenizer.json")).decode(
            batch.targets.tolist(), skip_special_tokens=False
        )
        self.assertTrue(text.endswith(item.messages[-1]["content"] + EOS), text)


class WeightsTest(unittest.TestCase):
    def test_dequantised_weights_are_exact_in_bf16(self):
        torch.manual_seed(SEED)
        weight = torch.randn(576, 200) * torch.logspace(-3, 1, 200)
        quantised, scale_inv = quantise(weight)
        self.assertEqual(scale_inv.shape, (5, 2))
        restored = dequantise(quantised, scale_inv)
        self.assertTrue(torch.equal(restored, restored.bfloat16().float()))
        self.assertTrue(torch.equal(dequantise(*quantise(restored)), restored))
        # Three mantissa bits: half a unit in the last place is a sixteenth, plus the subnormals.
        block_amax = weight.abs().max()
        self.assertTrue(((restored - weight).abs() <= weight.abs() / 16 + block_amax / 2**17).all())

    def test_a_checkpoint_restores_the_network(self):
        shape = Shape(num_hidden_layers=2)
        state = Network(shape).state_dict()
        restored = from_hf(to_hf(state, shape, fp8=True), shape)
        self.assertEqual(list(state), list(restored))
        # A second quantisation may choose other scales, but never other values.
        again = from_hf(to_hf(restored, shape, fp8=False), shape)
        for name, tensor in restored.items():
            self.assertTrue(torch.equal(tensor, again[name]), name)

    def test_documents_of_a_packed_stream_do_not_see_each_other(self):
        torch.manual_seed(SEED)
        network = Network(REHEARSAL)
        one, two = torch.randint(0, REHEARSAL.vocab_size, (2, 9))
        packed = Documents(torch.tensor([0, 9, 18]), [9, 9])
        positions = torch.arange(9)
        with torch.no_grad():
            both = network(torch.cat((one, two)), torch.cat((positions, positions)), packed)
            alone = network(two, positions, Documents(torch.tensor([0, 9]), [9]))
        torch.testing.assert_close(both[9:], alone)


if __name__ == "__main__":
    unittest.main()
