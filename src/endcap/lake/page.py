"""One self-contained HTML page: styles inside, no script, nothing fetched from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_STYLE = """
:root{color-scheme:light dark;--paper:#f6f7f9;--card:#fff;--ink:#18202b;--muted:#5b6675;--line:#dde2e9;--track:#eef1f5;
--c0:#2f5fd0;--c1:#0d8a72;--c2:#b4560c;--c3:#8a3fb0;--problem:#b3261e;--warning:#8f5800;--info:#2f5fd0}
@media (prefers-color-scheme:dark){:root{--paper:#10141a;--card:#181e27;--ink:#e7ebf1;--muted:#9ba7b7;--line:#2c3542;
--track:#222a35;--c0:#7fa6ff;--c1:#4cc9ab;--c2:#f0a35e;--c3:#cf9bea;--problem:#ff8a80;--warning:#f2b95c;--info:#7fa6ff}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
header,main,footer{max-width:1120px;margin:0 auto;padding:0 20px}
header{padding-top:36px}h1{font-size:1.9rem;line-height:1.2;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:1.25rem;margin:36px 0 12px}h3{font-size:1rem;margin:0}p{margin:4px 0}
.muted,header p,figcaption p,footer{color:var(--muted)}footer{padding:28px 20px 40px;font-size:.85rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:20px 0 0;padding:0}
.tile,figure,.card{background:var(--card);border:1px solid var(--line);border-radius:10px}
.tile{padding:12px 14px}.tile dt{color:var(--muted);font-size:.85rem}
.tile dd{margin:0;font-size:1.25rem;font-weight:600;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.grid2{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,460px),1fr));gap:16px;align-items:start}
figure{margin:0;padding:16px}figcaption{margin-bottom:10px;font-size:.9rem}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{font-size:12.5px;fill:var(--muted);font-variant-numeric:tabular-nums}svg text.strong{fill:var(--ink)}
@media (max-width:520px){svg text{font-size:14.5px}}
.mark{fill:var(--c0)}.track{fill:var(--track)}svg .grid{stroke:var(--line)}
.whisker{stroke:var(--c0);stroke-width:1.5;opacity:.7}
.area{fill:var(--c0);opacity:.14}.stroke{fill:none;stroke-width:1.8;stroke-linejoin:round}
.s0{stroke:var(--c0)}.s1{stroke:var(--c1)}.s2{stroke:var(--c2)}.s3{stroke:var(--c3)}
.cell{fill:color-mix(in oklab,var(--c0) var(--heat),var(--track))}
.key::before{content:"";display:inline-block;width:10px;height:10px;border-radius:3px;
margin:0 5px 0 10px;background:var(--c0)}
.k1::before{background:var(--c1)}.k2::before{background:var(--c2)}.k3::before{background:var(--c3)}
details{margin-top:10px;font-size:.875rem}summary{cursor:pointer;color:var(--muted)}
.scroll{overflow-x:auto;grid-column:1/-1}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:5px 10px;border-bottom:1px solid var(--line);text-align:right;white-space:nowrap}
td.words{white-space:normal;text-align:left;min-width:14em}
th:first-child{text-align:left;font-weight:500;padding-left:0}thead th{color:var(--muted);font-weight:500}
.card{padding:14px 18px;margin:0 0 12px;border-left:4px solid var(--tone,var(--line))}
.card h3{margin-bottom:4px}.problem{--tone:var(--problem)}.warning{--tone:var(--warning)}.info{--tone:var(--info)}
.badge{font-size:.75rem;font-weight:600;color:var(--tone);border:1px solid var(--tone);
border-radius:99px;padding:1px 8px;
margin-right:8px;vertical-align:2px}
.notes th{white-space:normal}.notes td{color:var(--muted);font-size:.9rem;vertical-align:top}
@media (max-width:520px){.notes td{white-space:normal}}
form{display:flex;flex-wrap:wrap;gap:10px;align-items:center;margin:0 0 16px}
input,button{font:inherit;color:inherit;background:var(--card);
border:1px solid var(--line);border-radius:8px;padding:6px 12px}
button{background:var(--c0);border-color:var(--c0);color:var(--paper);cursor:pointer}a{color:var(--c0)}
pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font:.85rem/1.6 ui-monospace,Menlo,Consolas,monospace}
.do::before{content:"→ ";color:var(--tone)}code{font:.9em ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
"""


@dataclass(frozen=True)
class Section:
    """A heading and its HTML; `wide` bodies fill the page, others are laid out in two columns."""

    heading: str
    body: str
    wide: bool = False


def page(
    title: str,
    sections: Sequence[Section],
    *,
    subtitle: str = "",
    footer: str = "",
    language: str = "en",
) -> str:
    """A complete HTML document that allows itself no script, no form and no outside host."""
    parts = []
    for section in sections:
        body = section.body if section.wide else f'<div class="grid2">{section.body}</div>'
        parts.append(f"<section><h2>{escape(section.heading)}</h2>{body}</section>")
    under = f"<p>{escape(subtitle)}</p>" if subtitle else ""
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><header><h1>{escape(title)}</h1>{under}</header><main>{''.join(parts)}</main>"
        f"<footer>{escape(footer)}</footer></body></html>\n"
    )


def tiles(values: Sequence[tuple[str, str]]) -> str:
    """The few numbers to see first, as (label, value)."""
    cells = "".join(
        f'<div class="tile"><dt>{escape(label)}</dt><dd>{escape(value)}</dd></div>' for label, value in values
    )
    return f'<dl class="tiles">{cells}</dl>'
