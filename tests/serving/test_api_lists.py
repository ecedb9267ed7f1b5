"""Lists of rows in one call: at once, as batches, and what is wrong with one of them."""

import threading

import gradio as gr

from ml_ui import guard


@guard
def answer(text):
    if not text:
        raise gr.Error("Write something first.")
    return text.upper()


def test_a_list_of_rows(serve):
    served = serve(answer, RATE_LIMIT="5")
    rows = [{"text": text} for text in "abc"]
    assert served.client.post("/answer", json=rows).json() == ["A", "B", "C"]
    refused = served.client.post("/answer", json=rows)
    assert refused.status_code == 429  # each row is a call
    for wrong in ([], rows * 400):
        assert serve(answer).client.post("/answer", json=wrong).status_code == 422


def test_rows_of_a_list_run_at_once(serve):
    """As many as calls may, which a model may run as a batch."""
    all_here = threading.Barrier(3)

    @guard
    def meet(text):
        all_here.wait(10)
        return text

    served = serve(meet, CALLS_PER_WORKER="3", WEB_CONCURRENCY="1")
    rows = [{"text": text} for text in "abcdef"]
    assert served.client.post("/meet", json=rows).json() == [*"abcdef"]


def test_a_function_of_batches(serve):
    """As Gradio calls it: a list for each parameter, and one back for each output."""
    sizes = []

    @guard
    def repeated(texts, counts):
        sizes.append(len(texts))
        if "" in texts:
            raise gr.Error("Write something first.")
        return [[text * int(n) for text, n in zip(texts, counts, strict=True)], counts]

    demo = gr.Interface(
        repeated, [gr.Text(), gr.Number()], [gr.Text(), gr.Number()],
        batch=True, max_batch_size=4, api_name="predict",
    )  # fmt: skip
    client = serve(demo=demo).client
    row = {"texts": "ab", "counts": 2}
    assert client.post("/predict", json=row).json() == ["abab", 2]
    rows = [row | {"counts": n} for n in range(1, 7)]
    answers = client.post("/predict", json=rows).json()
    assert answers == [["ab" * n, n] for n in range(1, 7)]
    assert sizes == [1, 4, 2]
    refused = client.post("/predict", json=[row, row | {"texts": ""}])
    assert refused.status_code == 422
    assert refused.json().keys() == {"title", "status", "detail"}


def test_a_batch_of_the_wrong_size_is_a_failure(serve):
    @guard
    def lossy(texts):
        return [texts[1:]]

    demo = gr.Interface(lossy, "text", "text", batch=True, api_name="predict")
    answer = serve(demo=demo).client.post("/predict", json=[{"texts": "a"}] * 2)
    assert (answer.status_code, "reference" in answer.json()) == (500, True)


def test_the_row_that_is_refused_is_named(serve):
    client = serve(answer).client
    invalid = client.post("/answer", json=[{"text": "a"}, {"text": 1}]).json()
    assert invalid["errors"][0]["parameter"] == "1.text"
    refused = client.post("/answer", json=[{"text": "a"}, {"text": ""}]).json()
    assert (refused["row"], refused["detail"]) == (1, "Write something first.")
