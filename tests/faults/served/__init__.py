"""Faults at run time, injected into an app that serves.

Probes check states rather than times; those that need root are skipped without it.
"""

import functools

from .. import Row
from ..targets import LitServe, Mcp, Ours, Plain, Rest, Space, target
from .failures import (
    r1_raises,
    r2_ends,
    r3_hangs,
    r4_dies,
    r27_generator,
    r28_async,
    r29_async_generator,
    r30_stream_at_stop,
    r31_long_stream,
    r32_chat,
    survives,
)
from .inputs import (
    r9_upload,
    r10_body,
    r11_no_picture,
    r12_bomb,
    r13_malformed,
    r14_unknown,
    r33_costly_pictures,
    r45_costly_to_open,
    r48_costly_bodies,
    unknown_route,
    wrong_json,
)
from .load import (
    r5_a_thousand,
    r6_abandoned,
    r7_one_by_one,
    r8_client_gone,
    r49_slow_uploads,
    r50_unread,
)
from .outputs import r37_wrong_output, r38_not_a_number
from .resources import (
    r34_sweep,
    r35_full_disk,
    r40_async_load,
    r41_slow_body,
    r42_open_files,
    r43_unguarded,
    r46_empty_uploads,
)
from .shutdown import (
    r18_sigterm,
    r19_as_process_1,
    r20_while_loading,
    r39_threads_and_children,
    r47_under_load,
    stop_hung,
    stop_idle,
    stop_in_flight,
)
from .strangers import r15_paths, r16_origins, r17_closed, r36_failed_load
from .surroundings import (
    busy_port,
    r21_bad_model,
    r22_port,
    r23_disk,
    r24_offline,
    r25_files,
    r26_connections,
    r44_probes,
)

PLAIN = functools.partial(target, Plain)
OURS = functools.partial(target, Ours)
SPACE = functools.partial(target, Space)
REST = functools.partial(target, Rest)
MCP = functools.partial(target, Mcp)
PEER = functools.partial(target, LitServe)

ROWS = [
    Row("R1", "predict raises",
        "a reference for the log, no text of the error, next served", r1_raises),
    Row("R2", "predict calls sys.exit, or is interrupted", "as R1", r2_ends),
    Row("R3", "predict hangs", "an error, next served, health 503 once all hang", r3_hangs),
    Row("R4", "the process exits or is killed during a call",
        "a status, for a restart; or serves on", r4_dies),
    Row("R5", "1,000 calls at once",
        "the queue's size accepted, others refused, none lost", r5_a_thousand),
    Row("R6", "3,000 calls, answers not read", "under 256 MB, next served", r6_abandoned),
    Row("R7", "2,500 calls one by one", "under 30 MB more", r7_one_by_one),
    Row("R8", "client gone, queued or running", "not run; its worker is free", r8_client_gone),
    Row("R9", "upload over the limit", "413, nothing on disk", r9_upload),
    Row("R10", "JSON over the limit", "413", r10_body),
    Row("R11", "corrupt, empty, text and svg as a picture", "refused as not a picture",
        r11_no_picture),
    Row("R12", "picture of 20 KB and 169 megapixels",
        "refused as too large; under 256 MB", r12_bomb),
    Row("R13", "malformed bodies", "4xx or a message, never 500", r13_malformed),
    Row("R14", "function, event, path unknown", "404, no flood in the log", r14_unknown),
    Row("R15", "paths and addresses not for visitors", "4xx, nothing read or requested", r15_paths),
    Row("R16", "foreign Origin, null, foreign Host", "cannot read or call; 400", r16_origins),
    Row("R17", "flagging, statistics, private functions", "closed", r17_closed),
    Row("R18", "SIGTERM idle, in flight, a page open, hung", "ends in 10 s; answers arrive", r18_sigterm),
    Row("R19", "SIGTERM as process 1", "ends in 10 s", r19_as_process_1),
    Row("R20", "SIGTERM while the model loads", "ends at once, status not 0", r20_while_loading),
    Row("R21", "model file missing, corrupt, malicious", "an error in one line, no code run",
        r21_bad_model),
    Row("R22", "port unset, empty, invalid, taken", "the default, or an error in one line", r22_port),
    Row("R23", "read-only, no home, no rights; disk full", "serves; an error, then serves", r23_disk),
    Row("R24", "dead proxy, no network", "serves, sends no request", r24_offline),
    Row("R25", "files of visitors", "deleted after a time", r25_files),
    Row("R26", "400 half requests, 300 open pages", "others served in a second",
        r26_connections),
    Row("R27", "a generator raises, exits, hangs", "as R1, R2, R3", r27_generator),
    Row("R28", "an async function raises, exits, waits, blocks", "as R1, R2, R3", r28_async),
    Row("R29", "an async generator raises, exits, waits, blocks", "as R1, R2, R3",
        r29_async_generator),
    Row("R30", "SIGTERM in a stream, in an async function", "the answer arrives; ends in 10 s",
        r30_stream_at_stop),
    Row("R31", "a stream without end", "stopped in time, its worker free", r31_long_stream),
    Row("R32", "a chat hangs; its page needs more than the answer",
        "as R3; Gradio's own functions take no worker", r32_chat),
    Row("R33", "the costliest picture that is accepted, for each worker",
        "within the memory that is counted", r33_costly_pictures),
    Row("R34", "an error in the sweep; 30 uploads that no page uses",
        "logged, files still deleted; forgotten", r34_sweep),
    Row("R35", "a client that fills the disk", "503 and Retry-After, accepted later",
        r35_full_disk),
    Row("R36", "the model cannot be loaded", "a reference for the log, no text of the error",
        r36_failed_load),
    Row("R37", "an output that the page cannot show",
        "a reference; not the visitor's input; counted as failed", r37_wrong_output),
    Row("R38", "NaN and infinity in an answer", "each event is JSON", r38_not_a_number),
    Row("R39", "SIGTERM with a thread, with child processes", "ends in 10 s, port free",
        r39_threads_and_children),
    Row("R40", "async load()", "awaited; not ready before its end", r40_async_load),
    Row("R41", "a body of a byte every 2 s", "closed within 40 s", r41_slow_body),
    Row("R42", "400 connections, 240 files may be open", "health 200, under 200 kB of log",
        r42_open_files),
    Row("R43", "a function without the guard", "an error names it, does not start", r43_unguarded),
    Row("R44", "what answers probes and the page", "the app: 503 while it loads, its headers",
        r44_probes),
    Row("R45", "small pictures that cost GB or minutes to open",
        "refused as too much; under 256 MB", r45_costly_to_open),
    Row("R46", "60 uploads without a body", "the next one is accepted", r46_empty_uploads),
    Row("R47", "SIGTERM while 64 users call", "each call answered or refused; ends in 10 s",
        r47_under_load),
    Row("R48", "20 MB of nested lists, numbers, parts of a form", "4xx; under 300 MB",
        r48_costly_bodies),
    Row("R49", "100 clients send 20 MB slowly", "under 256 MB, next served, nothing left",
        r49_slow_uploads),
    Row("R50", "60 answers of 10 MB, not read", "under 400 MB, next served; ends in 10 s",
        r50_unread),
]  # fmt: skip
# The rows that depend on how a call is made.
CALLS = {
    *(f"R{n}" for n in (*range(1, 20), 23, 25, *range(27, 34), *range(36, 40), 41)),
    *(f"R{n}" for n in range(45, 51)),
}
# The rows that apply to any model server.
PEER_ROWS = [
    *ROWS[:1],
    Row("R2a", "predict calls sys.exit", "as R1", functools.partial(survives, what="exit")),
    Row("R2b", "predict is interrupted", "as R1", functools.partial(survives, what="interrupt")),
    *ROWS[2:5],
    *ROWS[9:10],
    Row("R13", "wrong JSON", "4xx", wrong_json),
    Row("R14", "route unknown", "404", unknown_route),
    Row("R18a", "SIGTERM idle", "ends in 10 s", stop_idle),
    Row("R18b", "SIGTERM in flight", "the answer arrives", stop_in_flight),
    Row("R18c", "SIGTERM while one hangs", "ends in 10 s", stop_hung),
    Row("R22", "port taken", "an error in one line", busy_port),
]
