"""TODO 1 as plain pytest: GPTVer1.generate."""

import torch

from learngpt import train


def test_generate_keeps_the_context_and_appends_max_new_tokens(own):
    idx = torch.randint(7, (2, 3))
    out = own("GPTVer1")(7, 8).generate(idx, 5)
    assert out.shape == (2, 8)
    assert torch.equal(out[:, :3], idx)


def test_generate_samples_from_the_softmax_of_the_last_logits(own):
    torch.manual_seed(0)
    model = own("GPTVer1")(4, 8)
    out = model.generate(torch.tensor([[3, 1]]).repeat(4000, 1), 1)
    shares = torch.bincount(out[:, -1], minlength=4) / 4000
    assert torch.allclose(shares, model.token_embedding_table.weight[1].softmax(-1), atol=0.05)


def test_generate_shows_the_model_no_more_than_block_size(own):
    shown = []

    class Watched(own("GPTVer1")):
        def logits(self, idx):
            shown.append(idx.shape[1])
            return super().logits(idx)

    Watched(7, 4).generate(torch.zeros(1, 1, dtype=torch.long), 9)
    assert max(shown) == 4


def test_text_is_likelier_after_training(own, text):
    counts = text.pair_counts() + 0.1
    log_probability = (counts / counts.sum(1, keepdim=True)).log()
    torch.manual_seed(1337)
    model = own("GPTVer1")(text.vocab_size, 8)

    def likelihood():
        out = model.generate(torch.zeros(1, 1, dtype=torch.long), 500)[0]
        return log_probability[out[:-1], out[1:]].mean()

    before = likelihood()
    train(model, text, steps=200, lr=0.1)
    assert likelihood() > before + 1
