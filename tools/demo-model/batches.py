"""Turns items into packed streams of tokens, in worker processes that run ahead of training."""

import multiprocessing
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from attention import Documents
from chat import render
from shape import MAX_POSITION_EMBEDDINGS
from special_tokens import BOS, PAD
from tasks import Corpus, Item, conversation

# Of the documents this share is plain prose, the rest are conversations.
PROSE_SHARE = 0.006
PROSE_CHARACTERS = (300, 3000)
ITEMS_ENCODED_AT_ONCE = 128
BATCHES_AHEAD_PER_WORKER = 6
PADDING_DOCUMENT_TOKENS = 256


class Document(NamedTuple):
    """Token ids, and which of them the model is to produce."""

    ids: list[int]
    is_target: list[bool]


class Batch(NamedTuple):
    """A packed stream. `targets[i]` is the token that follows the one at index `target_at[i]`."""

    tokens: np.ndarray  # int64 [tokens]
    positions: np.ndarray  # int64 [tokens], from 0 in every document
    lengths: list[int]  # of the documents, padding included as the last ones
    target_at: np.ndarray  # int64 [targets]
    targets: np.ndarray  # int64 [targets]


class DeviceBatch(NamedTuple):
    """The same on the device that computes."""

    tokens: Tensor
    positions: Tensor
    documents: Documents
    target_at: Tensor
    targets: Tensor


class Encoder:
    """Items and prose to documents, with the tokenizer of the model folder."""

    def __init__(self, tokenizer_file: Path):
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self.pad_id = self._tokenizer.token_to_id(PAD)

    def encode_items(self, items: list[Item]) -> list[Document]:
        rendered = [render(list(i.messages), list(i.tools), i.thinking) for i in items]
        texts = [segment.text for segments in rendered for segment in segments]
        encoded = iter(self._tokenizer.encode_batch(texts, add_special_tokens=False))
        documents = []
        for segments in rendered:
            ids: list[int] = []
            is_target: list[bool] = []
            for segment in segments:
                part = next(encoded).ids
                ids += part
                is_target += [segment.is_target] * len(part)
            documents.append(Document(ids, is_target))
        return documents

    def encode_prose(self, text: str) -> Document:
        ids = self._tokenizer.encode(BOS + text, add_special_tokens=False).ids
        return Document(ids, [False] + [True] * (len(ids) - 1))


def pack(documents: Iterable[Document], batch_tokens: int, pad_id: int) -> Iterator[Batch]:
    """Fills streams of exactly `batch_tokens`. Leaves out documents longer than that or than the
    model's context."""
    waiting: list[Document] = []
    used = 0
    for document in documents:
        if len(document.ids) > min(batch_tokens, MAX_POSITION_EMBEDDINGS):
            continue
        if used + len(document.ids) > batch_tokens:
            yield _assemble(waiting, batch_tokens, pad_id)
            waiting, used = [], 0
        waiting.append(document)
        used += len(document.ids)
    if waiting:
        yield _assemble(waiting, batch_tokens, pad_id)


def _assemble(documents: list[Document], batch_tokens: int, pad_id: int) -> Batch:
    lengths = [len(document.ids) for document in documents]
    padding = batch_tokens - sum(lengths)
    tokens = [i for document in documents for i in document.ids] + [pad_id] * padding
    flags = [f for document in documents for f in document.is_target] + [False] * padding
    lengths += padding_lengths(padding)
    token_array = np.array(tokens, dtype=np.int64)
    target_at = np.flatnonzero(np.array(flags)) - 1
    positions = np.concatenate([np.arange(length) for length in lengths])
    return Batch(token_array, positions, lengths, target_at, token_array[target_at + 1])


def padding_lengths(padding: int) -> list[int]:
    """Padding as documents short enough for the rope table, and cheap for attention."""
    whole, rest = divmod(padding, PADDING_DOCUMENT_TOKENS)
    return [PADDING_DOCUMENT_TOKENS] * whole + [rest] * (rest > 0)


def to_device(batch: Batch, device: torch.device) -> DeviceBatch:
    """Copies from pinned memory do not wait for the kernels before them."""

    def move(array: np.ndarray) -> Tensor:
        tensor = torch.from_numpy(array)
        if device.type == "cuda":
            return tensor.pin_memory().to(device, non_blocking=True)
        return tensor

    bounds = np.concatenate(([0], np.cumsum(batch.lengths))).astype(np.int32)
    documents = Documents(move(bounds), batch.lengths)
    tokens, positions = move(batch.tokens), move(batch.positions)
    return DeviceBatch(tokens, positions, documents, move(batch.target_at), move(batch.targets))


class Feed:
    """Training batches from worker processes. Use as a context manager; iterate without end."""

    def __init__(
        self, corpus_file: Path, tokenizer_file: Path, batch_tokens: int, workers: int, seed: int
    ):
        context = multiprocessing.get_context("spawn")
        self.queue = context.Queue(maxsize=workers * BATCHES_AHEAD_PER_WORKER)
        self._workers = [
            context.Process(
                target=_produce,
                args=(self.queue, corpus_file, tokenizer_file, batch_tokens, seed + index),
                daemon=True,
            )
            for index in range(workers)
        ]

    def __enter__(self) -> "Feed":
        for worker in self._workers:
            worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.terminate()

    def __iter__(self) -> Iterator[Batch]:
        while True:
            yield self.queue.get()


def _produce(queue, corpus_file: Path, tokenizer_file: Path, batch_tokens: int, seed: int) -> None:
    """Body of a worker process."""
    encoder = Encoder(tokenizer_file)
    corpus = Corpus(corpus_file.read_text(encoding="utf-8"))
    documents = _training_documents(encoder, corpus, Random(seed))
    for batch in pack(documents, batch_tokens, encoder.pad_id):
        queue.put(batch)


def _training_documents(encoder: Encoder, corpus: Corpus, rng: Random) -> Iterator[Document]:
    while True:
        items = [conversation(rng, corpus) for _ in range(ITEMS_ENCODED_AT_ONCE)]
        documents = encoder.encode_items(items)
        for _ in range(ITEMS_ENCODED_AT_ONCE):
            if rng.random() < PROSE_SHARE:
                passage = corpus.passage(rng, rng.randint(*PROSE_CHARACTERS))
                documents.append(encoder.encode_prose(passage))
        rng.shuffle(documents)
        yield from documents
