"""Documentation page of the REST API: /docs, from its OpenAPI description."""

import json
from html import escape
from typing import Any

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}: API</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 56rem; margin: 2rem auto;
  padding: 0 1rem; }}
code, pre {{ font: 14px/1.5 ui-monospace, monospace; }}
pre {{ background: light-dark(#f4f4f5, #27272a); padding: .75rem 1rem;
  border-radius: .5rem; overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; }}
th, td {{ text-align: left; vertical-align: top; padding: .35rem .75rem .35rem 0;
  border-bottom: 1px solid light-dark(#e4e4e7, #3f3f46); }}
h2 code {{ font-size: 1.25rem; }}
</style>
<main>
<h1>{title}</h1>
<p>{description}</p>
<p>Machines read <a href="openapi.json">openapi.json</a>.{login}</p>
{operations}
<h2>Errors</h2>
<p>An error is <code>application/problem+json</code>: <code>title</code>,
<code>status</code>, <code>detail</code>; for what is invalid <code>errors</code>, and
of a failure the <code>reference</code> that the app's log has.</p>
<table><tr><th>status<th>meaning</tr>{statuses}</table>
</main>
"""
OPERATION = """<h2 id="{name}"><code>POST {path}</code></h2>
<p>{description}</p>
<table><tr><th>parameter<th>type<th>meaning</tr>{parameters}</table>
<p>Takes {takes}. Answers {answers}.</p>
<pre>{curl}</pre>
<pre>{python}</pre>
<pre>{javascript}</pre>
<h3>Answer</h3>
<p>{means}</p>
<pre>{answer}</pre>
"""
PYTHON = """import httpx

answer = httpx.post("{url}", {given})
print(answer.raise_for_status().json())
"""
JAVASCRIPT = """const answer = await fetch("{url}", {{
  method: "POST",
  headers: {{"Content-Type": "application/json"}},
  body: JSON.stringify({body}),
}});
console.log(await answer.json());
"""
JAVASCRIPT_FORM = """const form = new FormData();
{appended}
const answer = await fetch("{url}", {{method: "POST", body: form}});
console.log(await answer.json());
"""
LOGIN = " A call needs the page's login, as HTTP Basic: <code>curl -u NAME</code>."
LIMITS = {
    "minimum": "from {}",
    "maximum": "to {}",
    "maxLength": "at most {} characters",
}


def page(document: dict[str, Any]) -> str:
    """Return HTML of an OpenAPI document of functions; it loads nothing."""
    url = document["servers"][0]["url"].rstrip("/")
    operations = ""
    statuses: dict[str, str] = {}
    for path, methods in document["paths"].items():
        operations += _operation(path, methods["post"], url)
        for status, response in methods["post"]["responses"].items():
            if status != "200":
                statuses[status] = response["description"]
    info = document["info"]
    return PAGE.format(
        title=escape(info["title"]),
        description=escape(info["description"]).replace("\n\n", "<p>"),
        login=LOGIN if "security" in document else "",
        operations=operations,
        statuses=_rows((code, escape(words)) for code, words in statuses.items()),
    )


def _operation(path: str, operation: dict[str, Any], url: str) -> str:
    taken = operation["requestBody"]["content"]
    answered = operation["responses"]["200"]["content"]
    schema = taken["application/json"]["schema"]
    required = schema.get("required", [])
    parameters = [
        (
            f"<code>{escape(name)}</code>",
            escape(_type(found) + ("" if name in required else ", optional")),
            escape(found.get("description", "")),
        )
        for name, found in schema["properties"].items()
    ]
    answer = answered["application/json"]["schema"]
    return OPERATION.format(
        name=escape(operation["operationId"]),
        path=escape(path),
        description=escape(operation["description"]),
        parameters=_rows(parameters),
        takes=_codes(taken),
        answers=_codes(answered) + (", by <code>Accept</code>" * (len(answered) > 1)),
        means=escape(answer.get("description", "As JSON Schema:")),
        answer=escape(json.dumps(answer.get("examples", [answer])[0], indent=2)),
        **{name: escape(text) for name, text in _calls(url + path, operation).items()},
    )


def _calls(url: str, operation: dict[str, Any]) -> dict[str, str]:
    """Return a call with curl, in Python and in JavaScript."""
    content = operation["requestBody"]["content"]["application/json"]
    schema = content["schema"]
    files = [n for n, one in schema["properties"].items() if "contentEncoding" in one]
    if not files:
        example = content.get("example")
        body = json.dumps(example, ensure_ascii=False)
        quoted = body.replace("'", "'\\''")
        return {
            "curl": f"curl {url} --json '{quoted}'",
            "python": PYTHON.format(url=url, given=f"json={example!r}"),
            "javascript": JAVASCRIPT.format(url=url, body=body),
        }
    names = list(schema.get("required", files))
    texts = [name for name in names if name not in files]
    fields = [f"-F {n}={'@FILE' if n in files else 'VALUE'}" for n in names]
    opened = ", ".join(f'"{n}": open("FILE", "rb")' for n in names if n in files)
    given = "files={" + opened + "}"
    if texts:
        given += ", data={" + ", ".join(f'"{n}": "VALUE"' for n in texts) + "}"
    appended = [_appended(n, schema["properties"][n]) for n in names]
    return {
        "curl": " ".join(["curl", url, *fields]),
        "python": PYTHON.format(url=url, given=given),
        "javascript": JAVASCRIPT_FORM.format(url=url, appended="\n".join(appended)),
    }


def _appended(name: str, schema: dict[str, Any]) -> str:
    """Return the line of JavaScript that puts a parameter into a form."""
    items = schema.get("items", {})
    if items.get("type") == "object":
        return f'form.append("{name}", JSON.stringify({name}));'
    if items:
        return f'for (const one of {name}) form.append("{name}", one);'
    return f'form.append("{name}", {name});'


def _type(schema: dict[str, Any]) -> str:
    """Return the type of a parameter in words."""
    if "contentEncoding" in schema:
        return "file"
    if choices := schema.get("enum") or ("const" in schema and [schema["const"]]):
        texts = (json.dumps(each, ensure_ascii=False) for each in choices)
        return "one of " + ", ".join(texts)
    if "anyOf" in schema:
        return " or ".join(map(_type, schema["anyOf"]))
    kind = str(schema.get("type", "JSON"))
    if kind == "array" and "items" in schema:
        return f"list of {_type(schema['items'])}"
    limits = [words.format(schema[n]) for n, words in LIMITS.items() if n in schema]
    return ", ".join([kind, *limits])


def _rows(rows: Any) -> str:
    return "".join(
        "<tr>" + "".join(f"<td>{cell}" for cell in row) + "</tr>" for row in rows
    )


def _codes(names: Any) -> str:
    return ", ".join(f"<code>{escape(name)}</code>" for name in names)
