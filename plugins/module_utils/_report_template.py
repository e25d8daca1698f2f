# Copyright (c) 2026 Raxx
# SPDX-License-Identifier: BSD-2-Clause
# This file is private to the collection: it may change at any time without notice.
"""The page of the report as text. It lays out what it is given and decides nothing.

It is a string and no file beside the code, so that it comes along wherever the module is executed.
"""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ground: #f4f5f7; --ink: #1b1f26; --quiet: #4d5561; --line: #d5d9df; --accent: #1f4e8c;
  --good: #14602f; --good-ground: #e3f3e8; --open: #6f4700; --open-ground: #fdf0d5; --bad: #99201c; --bad-ground: #fce6e4;
  --plain: #39424e; --plain-ground: #e9ecf0; --hand: #8a94a3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #161a20; --ground: #0e1115; --ink: #e8ebef; --quiet: #a9b2be; --line: #333b46; --accent: #8fb8f0;
    --good: #8fdaa6; --good-ground: #12301d; --open: #f2c674; --open-ground: #3a2a0c; --bad: #ffaaa4; --bad-ground: #431815;
    --plain: #c6cdd6; --plain-ground: #272e38; --hand: #7a8594;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: anywhere;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif;
}
.sheet { max-width: 60rem; margin: 0 auto; padding: 2rem 2.5rem 3rem; background: var(--paper); }
h1, h2, h3 { line-height: 1.25; margin: 0; }
h1 { font-size: 1.6rem; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h2 { font-size: 1.12rem; margin: 2.4rem 0 0.8rem; padding-bottom: 0.35rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 0.95rem; margin: 1.3rem 0 0.4rem; }
p { margin: 0.4rem 0; }
ul { margin: 0.4rem 0; padding-left: 1.2rem; }
a { color: var(--accent); }
code, .mono { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.86em; }
code { overflow-wrap: anywhere; }
.quiet { color: var(--quiet); }
.kicker { color: var(--quiet); font-size: 0.85rem; margin: 0 0 0.3rem; }
.verdict { display: flex; gap: 0.9rem; align-items: flex-start; margin: 1.2rem 0 0; padding: 0.9rem 1.1rem; border-radius: 0.5rem;
  border-left: 0.4rem solid; }
.verdict .mark { font-size: 1.5rem; line-height: 1.2; font-weight: 700; }
.verdict strong { display: block; font-size: 1.15rem; }
.verdict p { margin: 0.15rem 0 0; }
.good { color: var(--good); background: var(--good-ground); border-color: var(--good); }
.open { color: var(--open); background: var(--open-ground); border-color: var(--open); }
.bad { color: var(--bad); background: var(--bad-ground); border-color: var(--bad); }
.plain { color: var(--plain); background: var(--plain-ground); border-color: var(--plain); }
.facts { display: grid; grid-template-columns: repeat(4, 1fr); gap: 0; margin: 1.2rem 0 0; border: 1px solid var(--line);
  border-radius: 0.5rem; overflow: hidden; }
.facts div { padding: 0.7rem 0.9rem; border-right: 1px solid var(--line); min-width: 0; }
.facts div:last-child { border-right: 0; }
.facts dt { color: var(--quiet); font-size: 0.8rem; }
.facts dd { margin: 0; font-weight: 600; font-size: 1.05rem; overflow-wrap: anywhere; }
.facts dd small { display: block; font-weight: 400; font-size: 0.8rem; color: var(--quiet); }
dl.pairs { display: grid; grid-template-columns: 11rem 1fr; gap: 0.25rem 1rem; margin: 0.5rem 0; }
dl.pairs dt { color: var(--quiet); overflow-wrap: anywhere; }
dl.pairs dd { margin: 0; overflow-wrap: anywhere; }
table { border-collapse: collapse; width: 100%; font-size: 0.9rem; }
caption { text-align: left; color: var(--quiet); font-size: 0.85rem; padding-bottom: 0.3rem; }
th, td { text-align: left; vertical-align: top; padding: 0.42rem 0.7rem 0.42rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; }
thead th { color: var(--quiet); font-size: 0.8rem; white-space: nowrap; }
td.time, td.step { white-space: nowrap; font-variant-numeric: tabular-nums; }
td .detail { display: block; color: var(--quiet); font-size: 0.94em; overflow-wrap: anywhere; }
.grade { display: inline-block; padding: 0.06rem 0.5rem; border-radius: 1rem; font-size: 0.8rem; font-weight: 600; white-space: nowrap; }
figure { margin: 0.6rem 0 1.4rem; }
figcaption { color: var(--quiet); font-size: 0.85rem; margin-bottom: 0.3rem; }
svg { display: block; width: 100%; }
svg.sign { display: inline-block; width: 0.8em; height: 0.8em; fill: none; stroke: currentColor; stroke-width: 1.8; }
svg text { fill: var(--ink); font-size: 12px; paint-order: stroke; stroke: var(--paper); stroke-width: 4px; stroke-linejoin: round; }
svg .said, svg .axis { fill: var(--quiet); }
svg .measured { fill: var(--accent); }
svg .by-hand { fill: none; stroke: var(--hand); stroke-dasharray: 3 2; }
svg .track { stroke: var(--line); }
svg .tick { stroke: var(--line); }
svg .warn { stroke: var(--open); stroke-dasharray: 5 4; }
svg .limit { stroke: var(--bad); stroke-width: 2; }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.2rem; font-size: 0.82rem; color: var(--quiet); }
.legend span::before { content: ""; display: inline-block; width: 1.5rem; height: 0.5rem; margin-right: 0.4rem; vertical-align: 0.05rem; }
.legend .measured::before { background: var(--accent); }
.legend .by-hand::before { border: 1px dashed var(--hand); }
.digest { font-size: 0.82rem; }
footer { margin-top: 2.4rem; padding-top: 0.8rem; border-top: 1px solid var(--line); color: var(--quiet); font-size: 0.85rem; }
@media (max-width: 40rem) {
  .sheet { padding: 1.2rem 1rem 2rem; }
  h1 { font-size: 1.3rem; }
  .facts { grid-template-columns: 1fr 1fr; }
  .facts div:nth-child(2) { border-right: 0; }
  .facts div:nth-child(-n + 2) { border-bottom: 1px solid var(--line); }
  dl.pairs { grid-template-columns: 1fr; gap: 0; }
  dl.pairs dd { margin-bottom: 0.5rem; }
  svg .by-hand-words { display: none; }
  table.stack { display: block; }
  table.stack caption, table.stack tbody { display: block; }
  table.stack thead { position: absolute; clip-path: inset(50%); height: 1px; width: 1px; overflow: hidden; }
  table.stack tr { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.15rem 0.6rem; padding: 0.55rem 0;
    border-bottom: 1px solid var(--line); }
  table.stack td { border: 0; padding: 0; }
  table.stack td.step { flex: 0 0 1.8rem; }
  table.stack td.what { flex: 1 0 calc(100% - 3rem); max-width: 100%; }
  table.stack td.step + td.what { flex-basis: calc(100% - 2.4rem); max-width: calc(100% - 2.4rem); }
  table.stack td.step + td.what + td { margin-left: 2.4rem; }
}
@page { size: A4; margin: 14mm 13mm; }
@media print {
  :root {
    color-scheme: light;
    --paper: #ffffff; --ground: #ffffff; --ink: #000000; --quiet: #444444; --line: #bbbbbb; --accent: #1f4e8c;
    --good: #14602f; --good-ground: #eef7f0; --open: #6f4700; --open-ground: #fdf5e4; --bad: #99201c; --bad-ground: #fcedec;
    --plain: #39424e; --plain-ground: #eef0f2; --hand: #777777;
  }
  html { font-size: 12px; }
  body { font-size: 9.5pt; }
  .sheet { max-width: none; padding: 0; }
  h2 { margin-top: 1.5rem; break-after: avoid; }
  h3, caption { break-after: avoid; }
  tr, figure, .verdict, .facts { break-inside: avoid; }
  thead { display: table-header-group; }
  th, td { padding-top: 0.2rem; padding-bottom: 0.2rem; }
  table { font-size: 8.5pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""

_BASE = """
{#- Drawn, since not every machine that prints the page has a font with these signs. -#}
{%- set drawn = {
  "\u2713": "M2 6.5 5 9.5 10 2.5", "\u2717": "M2.5 2.5 9.5 9.5M9.5 2.5 2.5 9.5",
  "\u270e": "M2 10 3 7 8 2 10 4 5 9Z", "\u25b3": "M6 2 11 10 1 10Z",
} -%}
{%- macro sign(mark) -%}
{%- if mark in drawn -%}<svg class="sign" viewBox="0 0 12 12" aria-hidden="true"><path d="{{ drawn[mark] }}"/></svg>
{%- else -%}<span aria-hidden="true">{{ mark }}</span>
{%- endif -%}
{%- endmacro -%}
{%- macro grade(entry) -%}<span class="grade {{ entry.tone }}">{{ sign(entry.mark) }}
 {{ entry.word }}</span>{%- endmacro -%}
{%- macro chart(picture, name, title, description) -%}
<svg role="img" aria-labelledby="{{ name }}-title {{ name }}-text" height="{{ picture.height }}">
<title id="{{ name }}-title">{{ title }}</title><desc id="{{ name }}-text">{{ description }}</desc>
{%- for line in picture.lines %}
<line class="{{ line.kind }}" x1="{{ line.x }}" x2="{{ line.x }}" y1="18" y2="{{ picture.foot }}"/>
{%- if line.label %}
<text class="axis" x="{{ line.x }}" y="12" text-anchor="{{ line.anchor }}">{{ line.label }}</text>
{%- endif %}
{%- endfor %}
{%- for row in picture.rows %}
<text x="0" y="{{ row.text_y }}" xml:space="preserve">{{ row.label }}<tspan class="said">  {{ row.said }}</tspan><tspan class="said by-hand-words">{{
 row.by_hand }}</tspan></text>
{%- if row.bar %}
<rect class="measured" x="{{ row.bar.x }}" width="{{ row.bar.width }}" y="{{ row.bar_y }}" height="9" rx="1.5"/>
{%- endif %}
{%- if row.hand %}
<rect class="by-hand" x="{{ row.hand.x }}" width="{{ row.hand.width }}" y="{{ row.hand_y }}" height="4"/>
{%- endif %}
{%- endfor %}
</svg>
{%- endmacro -%}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ title }}</title>
<style>{{ style }}</style>
</head>
<body>
<div class="sheet">
<header>
<p class="kicker">{{ kicker }}</p>
<h1>{{ heading }}</h1>
<p class="quiet">{{ subheading }}</p>
<div class="verdict {{ verdict.tone }}"><span class="mark">{{ sign(verdict.mark) }}</span>
<div><strong>{{ verdict.word }}</strong>{% for text in verdict.text %}<p>{{ text }}</p>{% endfor %}</div></div>
<dl class="facts">
{%- for fact in tiles %}
<div><dt>{{ fact.name }}</dt><dd>{% if fact.link %}<a href="{{ fact.link }}">{{ fact.value }}</a>{% else %}{{ fact.value }}{% endif %}{%
 if fact.note %}<small>{{ fact.note }}</small>{% endif %}</dd></div>
{%- endfor %}
</dl>
</header>
<main>
"""

_END = """
</main>
<footer><p>{{ foot }}</p></footer>
</div>
</body>
</html>
"""

DEPARTURE = (
    _BASE
    + """
{%- if missing %}
<section aria-labelledby="missing"><h2 id="missing">What is missing</h2>
<ul>{% for text in missing %}<li>{{ text }}</li>{% endfor %}</ul></section>
{%- endif %}
{%- if debts %}
<section aria-labelledby="debts"><h2 id="debts">Debts</h2>
<ul>{% for text in debts %}<li>{{ text }}</li>{% endfor %}</ul></section>
{%- endif %}
{%- if failures %}
<section aria-labelledby="failures"><h2 id="failures">What went wrong in the last run</h2>
<ul>{% for failure in failures %}<li><strong>{{ failure.where }}</strong> {{ failure.message }}</li>{% endfor %}</ul></section>
{%- endif %}
<section aria-labelledby="checklist"><h2 id="checklist">Checklist</h2>
<table class="stack">
<thead><tr><th scope="col">Step</th><th scope="col">What was to be done</th><th scope="col">Grade</th><th scope="col">When (UTC)</th></tr></thead>
<tbody>
{%- for step in steps %}
<tr><td class="step"><strong>{{ step.id }}</strong></td><td class="what"><strong>{{ step.title }}</strong>: {{ step.result }}
{%- if step.detail %}<span class="detail">{{ step.detail }}</span>{% endif %}</td>
<td>{{ grade(step.grade) }}</td><td class="time">{{ step.at }}</td></tr>
{%- endfor %}
</tbody></table></section>

<section aria-labelledby="timeline"><h2 id="timeline">Timeline</h2>
<p class="legend"><span class="measured">measured</span><span class="by-hand">estimate by hand, one step after the other</span></p>
<figure><figcaption>Since the notice of {{ window.notice }}, against the limits of one hour and four hours</figcaption>
{{ chart(limits, "limits", "Steps since the notice", timeline_words) }}</figure>
{%- if magnified %}
<figure><figcaption>The same steps magnified, since the event was opened at {{ window.opened }}</figcaption>
{{ chart(magnified, "magnified", "Steps since the event was opened", timeline_words) }}</figure>
{%- endif %}
<dl class="pairs">
{%- for pair in times %}<dt>{{ pair.name }}</dt><dd>{{ pair.value }}</dd>{% endfor %}
</dl></section>

<section aria-labelledby="population"><h2 id="population">What the person had, and what is left</h2>
<table class="stack">
<caption>Before: {{ items | length }} entries, and what became of each</caption>
<thead><tr><th scope="col">What the person had</th><th scope="col">Became</th><th scope="col">When (UTC)</th></tr></thead>
<tbody>
{%- for item in items %}
<tr><td class="what"><strong>{{ item.name }}</strong> in {{ item.console }}{% if item.facts %}<span class="detail">{{ item.facts }}</span>{% endif %}</td>
<td>{{ grade(item.outcome) }}</td><td class="time">{{ item.at }}</td></tr>
{%- else %}
<tr><td colspan="3">No membership and no session.</td></tr>
{%- endfor %}
</tbody></table>
{%- for group in listings %}
<h3>{{ group.title }}</h3>
{%- if group.entries %}
<table class="stack">
<thead><tr><th scope="col">Listing and where it is from</th><th scope="col">Rows</th></tr></thead>
<tbody>
{%- for listing in group.entries %}
<tr><td class="what"><strong>{{ listing.kind }}</strong> of {{ listing.server }}, {{ listing.server_time }} by its clock
<span class="detail">asked by {{ listing.by }}</span>
<span class="detail">SHA-256 of the rows <code class="digest">{{ listing.sha256 }}</code></span></td>
<td class="time"><strong>{{ listing.rows }}</strong>&nbsp;rows</td></tr>
{%- endfor %}
</tbody></table>
{%- else %}
<p>{{ group.none }}</p>
{%- endif %}
{%- endfor %}
</section>

<section aria-labelledby="proofs"><h2 id="proofs">Proofs that the old credentials are dead</h2>
{%- for proof in proofs %}
<h3>{{ proof.credential }}, rotation {{ proof.rotation }} {{ grade(proof.grade) }}</h3>
<table class="stack">
<thead><tr><th scope="col">Log-in with</th><th scope="col">Answer</th><th scope="col">Verdict</th></tr></thead>
<tbody>
{%- for probe in proof.probes %}
<tr><td class="what">{{ probe.probe }} must {{ probe.required }}</td><td>{{ probe.answer }}</td><td>{{ grade(probe.verdict) }}</td></tr>
{%- endfor %}
</tbody></table>
<p class="quiet">{{ proof.sessions }}</p>
{%- else %}
<p>No old credential has been tried yet.</p>
{%- endfor %}
</section>

<section aria-labelledby="claims"><h2 id="claims">Every claim and its grade</h2>
<table class="stack">
<thead><tr><th scope="col">Step</th><th scope="col">Claim</th><th scope="col">Grade</th><th scope="col">When (UTC)</th></tr></thead>
<tbody>
{%- for claim in claims %}
<tr><td class="step">{{ claim.step }}</td><td class="what">{{ claim.statement }}{%
 if claim.detail %}<span class="detail">{{ claim.detail }}</span>{% endif %}</td>
<td>{{ grade(claim.grade) }}</td><td class="time">{{ claim.at }}</td></tr>
{%- endfor %}
</tbody></table></section>

<section aria-labelledby="uncovered"><h2 id="uncovered">Not covered</h2>
<ul>{% for text in not_covered %}<li>{{ text }}</li>{% endfor %}</ul></section>

<section aria-labelledby="events"><h2 id="events">What happened, in order</h2>
<table class="stack">
<thead><tr><th scope="col">When (UTC)</th><th scope="col">Step</th><th scope="col">What</th></tr></thead>
<tbody>
{%- for entry in events %}
<tr><td class="time">{{ entry.at }}</td><td class="step">{{ entry.step }}</td><td class="what">{{ entry.what }}</td></tr>
{%- endfor %}
</tbody></table></section>

<section aria-labelledby="integrity"><h2 id="integrity">Integrity</h2>
<p class="verdict {{ signature.tone }}"><span class="mark">{{ sign(signature.mark) }}</span><span><strong>{{ signature.word }}</strong>
{{ signature.text }}</span></p>
<dl class="pairs">
{%- for pair in integrity %}<dt>{{ pair.name }}</dt><dd>{% if pair.code %}<code>{{ pair.value }}</code>{% else %}{{ pair.value }}{%
 endif %}{{ pair.note }}</dd>{% endfor %}
</dl></section>
"""
    + _END
)

PLAN = (
    _BASE
    + """
<section aria-labelledby="changes"><h2 id="changes">What a real run would change</h2>
<table class="stack">
<thead><tr><th scope="col">Step</th><th scope="col">Change</th></tr></thead>
<tbody>
{%- for change in changes %}
<tr><td class="step"><strong>{{ change.step }}</strong></td><td class="what">{{ change.text }}</td></tr>
{%- else %}
<tr><td colspan="2">Nothing.</td></tr>
{%- endfor %}
</tbody></table></section>
<section aria-labelledby="targets"><h2 id="targets">Where</h2>
<dl class="pairs">
{%- for name, value in targets %}<dt>{{ name }}</dt><dd>{{ value }}</dd>
{%- endfor %}
</dl></section>
<section aria-labelledby="hold"><h2 id="hold">Holding a run to this plan</h2>
<p>A run with this option is refused before anything changes if it would do anything else, or anywhere else:</p>
<p><code>-e plan={{ digest }}</code></p></section>
<section aria-labelledby="uncovered"><h2 id="uncovered">Not covered</h2>
<ul>{% for text in not_covered %}<li>{{ text }}</li>{% endfor %}</ul></section>
"""
    + _END
)
