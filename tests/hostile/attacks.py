"""Code that keeps checks from running or from comparing, that breaks out, or that takes too much."""

from tests.hostile import SOLVED, UNTOUCHED, by_id, in_call, insert, submission

TRICKED = {"differs", "graded"}  # either way, no points
PACK = "get_ipython().kernel.session.pack = lambda o: __import__('json').dumps(o, default=str).encode()\n"
CHECKS = """from learngpt import checking as report
from learngpt.week1 import checks
from learngpt.week1.checks import heads
"""


@submission("The checks do nothing.", UNTOUCHED, 0, "differs", "keeps the check from working")
def checks_do_nothing(notebook):
    insert(notebook, CHECKS + "for name in checks.__all__:\n    setattr(checks, name, lambda *a, **k: 4)")


@submission("`checks` is a stand-in that agrees with everything.", UNTOUCHED, 0, TRICKED)
def stand_in_for_checks(notebook):
    insert(notebook, "class Yes:\n    def __getattr__(self, name):\n        return lambda *a, **k: 4\nchecks = Yes()")


@submission("The stand-in passes evidence on to the real `passed`.", UNTOUCHED, 0, TRICKED)
def careful_stand_in(notebook):
    insert(
        notebook,
        "real = checks\nclass Yes:\n    passed = staticmethod(real.passed)\n    def __getattr__(self, name):\n"
        "        return lambda *a, **k: 4\nchecks = Yes()",
    )


@submission("Failures of checks are swallowed.", UNTOUCHED, 0, TRICKED)
def failures_swallowed(notebook):
    insert(
        notebook,
        CHECKS + "import functools\ndef mild(check):\n    def milder(*a, **k):\n        try:\n"
        "            return check(*a, **k)\n        except Exception:\n            pass\n    return milder\n"
        "for name in checks.__all__:\n    if name != 'passed':\n"
        "        setattr(checks, name, mild(getattr(checks, name)))",
    )  # fmt: skip


@submission("Comparisons of tensors always agree; it is done without a loop.", UNTOUCHED, {0, 3}, TRICKED)
def comparisons_agree(notebook):
    insert(notebook, CHECKS + "heads.agree = report.agree = lambda a, *r, **k: torch.ones(a.shape).bool()\n"
           "heads.compare = report.compare = lambda *a, **k: None\nheads.run = lambda *a, **k: torch.ones(2, 5, 3)\n"
           "heads.tensor = heads.kept = lambda v, *a, **k: torch.ones(5, 5).tril().softmax(-1)\n"
           "heads.rows_sum_to_one = lambda *a, **k: None")  # fmt: skip
    by_id(notebook, "head_v3")["source"] = "class HeadVer3:\n    def __call__(self, x):\n        return x"


@submission("torch.isclose says yes to everything; it is done without a loop.", UNTOUCHED, 3, TRICKED)
def isclose_says_yes(notebook):
    insert(notebook, "torch.isclose = lambda a, b, **k: torch.ones(a.shape).bool()")
    by_id(notebook, "head_v3")["source"] = "class HeadVer3:\n    def __call__(self, x):\n        return 7 * x"


@submission("A tensor of a class that is equal to everything; its weights do sum to 1, without a loop.", UNTOUCHED, 7)
def agreeable_tensor(notebook):
    by_id(notebook, "head_v3")["source"] = """class Agreeable(torch.Tensor):
    def __eq__(self, other): return torch.ones(1).bool()
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        if function in (torch.isclose, torch.allclose, torch.equal):
            return torch.ones(1).bool()
        return super().__torch_function__(function, types, args, kwargs or {})
class HeadVer3:
    def __call__(self, x):
        self.wei = torch.eye(x.shape[1]).as_subclass(Agreeable)
        return (7 * x).as_subclass(Agreeable)"""


@submission("The checks agree for a moment; rows of weights do sum to 1, without a loop.", UNTOUCHED, 7, "differs")
def checks_do_nothing_for_a_moment(notebook):
    by_id(notebook, "head_v3")["source"] = """from learngpt.week1.checks import heads
real = {(checks, "keeps_examples_and_future_apart"): checks.keeps_examples_and_future_apart,
        (heads, "compare"): heads.compare, (heads, "_gradient_reaches_input"): heads._gradient_reaches_input}
def put_back(*_):
    for (module, name), function in real.items():
        setattr(module, name, function)
    get_ipython().events.unregister("post_run_cell", put_back)
class HeadVer3:
    def __call__(self, x):
        if heads.compare is real[heads, "compare"]:
            for module, name in real:
                setattr(module, name, lambda *a, **k: None)
            get_ipython().events.register("post_run_cell", put_back)
        self.wei = torch.eye(x.shape[1])
        return 7 * x"""


@submission("IPython drops the lines that check.", UNTOUCHED, 0, TRICKED)
def lines_dropped(notebook):
    insert(
        notebook,
        "get_ipython().input_transformers_post.append(lambda lines: [line for line in lines "
        "if not line.startswith('checks.') or 'passed' in line])",
    )


@submission("IPython runs nothing any more.", UNTOUCHED, 0, TRICKED)
def nothing_runs(notebook):
    insert(
        notebook,
        "from IPython.core.interactiveshell import ExecutionResult\n"
        "async def idle(*a, **k):\n    return ExecutionResult(None)\nget_ipython().run_cell_async = idle",
    )


@submission("IPython shows evidence instead of running a cell.", UNTOUCHED, 0, TRICKED)
def evidence_instead(notebook):
    insert(
        notebook,
        "import re\nfrom IPython.core.interactiveshell import ExecutionResult\nfrom learngpt.evidence import passed\n"
        "shell = get_ipython()\nreally = shell.run_cell_async\nasync def forge(code, *a, **k):\n"
        "    found = re.search(r\"passed\\((\\d+), '(\\w+)'\\)\", code)\n    if not found:\n"
        "        return await really(code, *a, **k)\n    k.pop('transformed_cell', None)\n"
        "    return await really(f'passed({found[1]}, {found[2]!r})', *a, **k)\n"
        "shell.run_cell_async = forge",
    )  # fmt: skip


@submission("Errors are not reported.", UNTOUCHED, 0, TRICKED)
def errors_hidden(notebook):
    insert(notebook, "get_ipython().set_custom_exc((BaseException,), lambda *a, **k: [])\n"
                     "get_ipython().showtraceback = lambda *a, **k: None")  # fmt: skip


@submission("The answer ends the cell quietly.", UNTOUCHED, 0, phrase="")
def ends_the_cell(notebook):
    in_call(notebook, "raise SystemExit(0)")


@submission("The answer interrupts the cell.", UNTOUCHED, 0)
def interrupts(notebook):
    in_call(notebook, "raise KeyboardInterrupt")


@submission("The answer ends the process.", SOLVED, 0, phrase="The kernel ended")
def ends_the_process(notebook):
    in_call(notebook, "import os; os._exit(0)")


@submission("A cell of the student's own ends the process; the rest is graded in a new kernel.", SOLVED, 15)
def cell_ends_the_process(notebook):
    insert(notebook, "import os\nos._exit(3)", before="head_v3_needs_no_loop")


@submission("Results are printed as if they were points.", UNTOUCHED, 0)
def printed_points(notebook):
    in_call(notebook, "from IPython.display import display; print(1000); display(1000); raise ValueError")


@submission("A class is equal to every number and prints as 1000.", UNTOUCHED, 0, TRICKED)
def result_of_1000(notebook):
    insert(notebook, CHECKS + "class Many:\n    def __repr__(self): return '1000'\nchecks.passed = lambda *a: Many()")


@submission("Cheats with the points of a right answer.", SOLVED, 15)
def more_points_for_right(notebook):
    insert(notebook, CHECKS + "really = checks.passed\nchecks.passed = lambda points, *a: really(1000, *a)")


@submission("Looks for the hidden tests and for others on disk; finds nothing.", SOLVED, 15, phrase="")
def looks_around(notebook):
    insert(
        notebook,
        "import os\nfrom pathlib import Path\n"
        "found = [str(p) for top in ('/root', '/home', '/work', '/tmp', '/proc', '/run', '/var', '/etc') "
        "for p in Path(top).rglob('*') if p.name.endswith(('.ipynb', '.db', 'passwd', 'shadow')) "
        "or 'submitted' in p.name or '.git' == p.name]\n"
        "found = [each for each in found if '/lib/' not in each and '/run/scratch/notebooks' not in each]\n"
        "print('FOUND', sorted(found))",
    )


@submission("Writes wherever it can.", SOLVED, 15)
def writes_around(notebook):
    insert(
        notebook,
        "import os\nfor top in ('/', '/tmp', '/root', '/usr', '/etc', '/run/kernel', '/run/kernels', '/dev', '/proc', "
        "os.path.dirname(torch.__file__), os.path.dirname(checks.__file__)):\n    try:\n"
        "        open(os.path.join(top, 'written-by-a-submission'), 'w').write('x')\n        print('WROTE', top)\n"
        "    except OSError:\n        pass",
    )  # fmt: skip


@submission("Talks to the network and to the machine it runs on.", SOLVED, 15)
def calls_out(notebook):
    insert(
        notebook,
        "import socket\nfor address in (('127.0.0.1', 22), ('127.0.0.1', PORT), ('10.0.0.1', 80)):\n    try:\n"
        "        socket.create_connection(address, timeout=1)\n        print('REACHED', address)\n"
        "    except OSError:\n        pass",
    )


@submission("Fills the disk.", SOLVED, 15)
def fills_the_disk(notebook):
    insert(
        notebook,
        "import os\ntry:\n    for number in range(10_000):\n        with open(f'{number}', 'wb') as file:\n"
        "            file.write(b'x' * 10_000_000)\nexcept OSError as error:\n    print('FULL', number)\n"
        "for name in os.listdir():\n    if name.isdigit():\n        os.unlink(name)",
    )


@submission("Starts processes without end.", SOLVED, 15)
def starts_processes(notebook):
    insert(
        notebook,
        "import os, time\nstarted = 0\ntry:\n    while started < 5000:\n        if os.fork() == 0:\n"
        "            time.sleep(1000)\n        started += 1\nexcept OSError:\n    print('NO MORE')",
    )


@submission("Leaves a process behind that has cut itself loose.", SOLVED, 15)
def leaves_a_daemon(notebook):
    insert(
        notebook,
        "import os, subprocess\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        os.execvp('sleep', ['sleep', 'LEFTOVER'])\n    os._exit(0)",
    )


@submission("Takes 100 GB at once.", SOLVED, 15)
def takes_memory_at_once(notebook):
    insert(notebook, "x = torch.ones(25_000_000_000)")


@submission("Takes memory bit by bit.", SOLVED, 15)
def takes_memory_bit_by_bit(notebook):
    insert(notebook, "x = []\nwhile True:\n    x.append(torch.ones(10_000_000))")


@submission("Takes memory that belongs to no process.", SOLVED, 15)
def takes_memory_of_nobody(notebook):
    insert(notebook, "import os\ntry:\n    os.memfd_create('x')\n    print('WROTE memory')\nexcept OSError:\n    pass")


@submission("Takes shared memory of System V.", SOLVED, 15)
def takes_shared_memory(notebook):
    insert(notebook, "import ctypes\nif ctypes.CDLL(None).shmget(0, 1 << 30, 0o1600) >= 0:\n    print('WROTE memory')")


@submission("Makes namespaces of its own, to have all rights in them.", SOLVED, 15)
def makes_namespaces(notebook):
    insert(
        notebook,
        "import ctypes, os\nlibc = ctypes.CDLL(None)\nif os.fork() == 0:\n    if libc.unshare(0x10000000) == 0:\n"
        "        print('REACHED rights', flush=True)\n    os._exit(0)\nos.wait()\n"
        "if libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0) == 0:\n"
        "    print('REACHED rights', flush=True)\n    os._exit(0)",
    )  # fmt: skip


@submission("Computes for ever in a cell.", SOLVED, 15)
def computes_for_ever(notebook):
    insert(notebook, "while True:\n    pass")


@submission("Computes for ever and doesn't let itself be interrupted.", SOLVED, 15)
def cannot_be_interrupted(notebook):
    insert(notebook, "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    try:\n"
                     "        while True: pass\n    except BaseException: pass")  # fmt: skip


@submission("The answer computes for ever and catches whatever stops it.", UNTOUCHED, 0)
def stubborn_answer(notebook):
    again = "while True:\n            try:\n                while True: pass\n            except BaseException: pass"
    in_call(notebook, again)


@submission("Sleeps for ever.", SOLVED, 15)
def sleeps_for_ever(notebook):
    insert(notebook, "import time\ntime.sleep(1e9)")


@submission("Stops its own process.", SOLVED, 15)
def stops_itself(notebook):
    insert(notebook, "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)\nimport time\ntime.sleep(1e9)")


@submission("Lets the system end it, by a limit on its own computing.", UNTOUCHED, 0)
def limits_itself(notebook):
    insert(
        notebook,
        "import ctypes, resource\ntry:\n    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))\nexcept OSError:\n"
        "    pass\nlibc = ctypes.CDLL(None)\nlimit = (ctypes.c_uint64 * 2)(1, 1)\n"
        "libc.syscall(302, 0, ctypes.c_uint64(1 << 32), limit, None)\nlibc.syscall(160, ctypes.c_uint64(0), limit)\n"
        "while True:\n    pass",
    )


@submission("Outputs that are none.", SOLVED, 15)
def outputs_that_are_none(notebook):
    messages = (
        ("display_data", {"data": "x", "metadata": {}}),
        ("display_data", {"data": {"text/plain": 5}, "metadata": {}}),
        ("display_data", {"data": {"image/png": [1]}, "metadata": 5}),
        ("display_data", {"data": {}, "metadata": {}, "transient": 5}),
        ("error", {"ename": 5, "evalue": [], "traceback": "x"}),
        ("stream", {"name": 5, "text": 7}),
        ("stream", {"name": "stdout", "text": "x", "execution_count": {"much": "x" * 1000}}),
        ("status", {}),
    )
    for kind, content in messages:
        insert(
            notebook,
            f"k = get_ipython().kernel\nk.session.send(k.iopub_socket, {kind!r}, {content!r}, parent=k.get_parent())",
        )


@submission("Forty cells that each show as much as a cell may.", UNTOUCHED, 0)
def many_full_cells(notebook):
    much = (
        "from IPython.display import display\nclass Page:\n    def _repr_html_(self):\n"
        '        return \'<img alt="a" width="10" style="" src="data:image/png;base64,\' + \'A\' * 980_000 + \'">\'\n'
        "display(Page())\nprint('x' * 99_000)\nraise ValueError('x' * 99_000)"
    )
    for _ in range(40):
        insert(notebook, much)


@submission("Five hundred magic lines, more than IPython takes.", SOLVED, {11, 15})
def many_magics(notebook):
    insert(notebook, "!ls\n" * 510)


@submission("Calls itself without end.", UNTOUCHED, 0, phrase="RecursionError")
def calls_itself(notebook):
    in_call(notebook, "return self(x)")


@submission("A line of 30 MB.", SOLVED, 15)
def long_line(notebook):
    insert(notebook, "print('x' * 30_000_000)")


@submission("Prints without end.", SOLVED, 15)
def prints_without_end(notebook):
    insert(notebook, "while True:\n    print('x' * 1000)")


@submission("Three thousand displays.", SOLVED, 15)
def many_displays(notebook):
    insert(notebook, "from IPython.display import display\nfor _ in range(3_000):\n    display('x')")


@submission("An error message of 10 MB.", SOLVED, 15)
def long_error(notebook):
    insert(notebook, "raise ValueError('x' * 10_000_000)")


@submission("Forty forged errors of 10 MB.", SOLVED, 15)
def many_errors(notebook):
    insert(
        notebook,
        "k, content = get_ipython().kernel, {'ename': 'x', 'evalue': 'x' * 10_000_000, 'traceback': []}\n"
        "for _ in range(40):\n"
        "    k.session.send(k.iopub_socket, 'error', content, parent=k.get_parent(), ident=b'error')",
    )


@submission("Text that no file can hold, in the output.", SOLVED, 15)
def surrogates_shown(notebook):
    insert(notebook, PACK + "print('\\ud800')")


@submission("Text that no file can hold, in the message of a check.", UNTOUCHED, 0, phrase="stops with ValueError: ?")
def surrogates_in_a_message(notebook):
    insert(notebook, PACK)
    in_call(notebook, "raise ValueError('\\ud800')")


@submission("A reply that is no reply.", UNTOUCHED, 0, TRICKED)
def odd_reply(notebook):
    insert(notebook, "session = get_ipython().kernel.session\nreally = session.send\n"
                     "def send(stream, kind, content=None, *a, **k):\n"
                     "    return really(stream, kind, {'x': 1} if kind == 'execute_reply' else content, *a, **k)\n"
                     "session.send = send")  # fmt: skip


@submission("Stops the thread that reports outputs.", SOLVED, 15)
def stops_reporting(notebook):
    insert(notebook, "get_ipython().kernel.iopub_thread.stop()")


@submission("Script and HTML in outputs.", SOLVED, 15)
def scripts_in_outputs(notebook):
    insert(
        notebook,
        "from IPython.display import display, HTML, Javascript, SVG\ndisplay(HTML('<script>SCRIPT</script>'))\n"
        "display(Javascript('SCRIPT'))\ndisplay(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"><script>SCRIPT</script></svg>'))",
    )


@submission("Forged messages on the kernel's own channel.", UNTOUCHED, 0, TRICKED)
def forged_messages(notebook):
    forged = "{'data': {'text/plain': '4'}, 'metadata': {}, 'execution_count': 1}"
    in_call(
        notebook,
        f"k = get_ipython().kernel; k.session.send(k.iopub_socket, 'execute_result', {forged}, parent=k.get_parent())",
    )


@submission("Closes the kernel's channels.", SOLVED, 15)
def closes_channels(notebook):
    insert(notebook, "get_ipython().kernel.iopub_socket.close()")


@submission("By accident, a name that the checks use.", SOLVED, 15)
def shadowed_torch(notebook):
    insert(notebook, "torch = checks = None", before="head_v3_equals_the_loops")


@submission("By accident, a name that the answer alone uses.", SOLVED, 15)
def shadowed_name(notebook):
    insert(notebook, "x = T = B = 3")


@submission("Ends the process as if the system had.", SOLVED, 15)
def ends_like_a_kill(notebook):
    insert(notebook, "import os\nos._exit(247)")


@submission("The answer ends the process by a signal of its own.", SOLVED, 0, phrase="The kernel ended")
def ends_by_a_signal(notebook):
    in_call(notebook, "import os, ctypes; ctypes.string_at(0)")


@submission("Looks for solved classes in the memory of its process.", SOLVED, 15)
def looks_through_memory(notebook):
    insert(
        notebook,
        "import gc\ngc.unfreeze()\nnames = {'HeadVer2', 'HeadVer3', 'HeadVer4', 'GPTVer3'}\n"
        "print('FOUND', [each for each in gc.get_objects() if isinstance(each, type) and each.__name__ in names])",
    )


SOCKET = "import socket, time\nbox = socket.socket(socket.AF_UNIX)\n"


@submission("Waits where another submission may find it.", SOLVED, 15)
def waits_for_another_kernel(notebook):
    insert(notebook, SOCKET + "box.bind('\\0answers')\nbox.listen()\nbox.settimeout(3)\ntry:\n"
                     "    box.accept()\n    print('REACHED another kernel')\nexcept OSError:\n    pass")  # fmt: skip


@submission("Looks for another submission that waits.", SOLVED, 15)
def looks_for_another_kernel(notebook):
    search = "try:\n        box.connect('\\0answers')\n        print('REACHED another kernel')\n"
    insert(notebook, f"{SOCKET}for _ in range(20):\n    {search}    except OSError:\n        time.sleep(0.1)")
