"""The command `hejie`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table
from rich.text import Text

from engine.errors import EngineError
from engine.identity import SYSTEM, Person
from engine.problems import Problem
from web.settings import Settings, SettingsError

if TYPE_CHECKING:
    from web.server import Server
    from web.wiring import House

_out = Console()
_err = Console(stderr=True)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """和解 Hejie：投诉处理流程自动化。"""


def _settings() -> Settings:
    try:
        return Settings.from_environ(os.environ)
    except SettingsError as error:
        _stop(str(error))


def _progress(words: str) -> Any:
    return lambda steps: track(steps, words, console=_out)


def _stop(message: str, code: int = 2) -> NoReturn:
    _err.print(message, style="bold red", highlight=False, soft_wrap=True)
    sys.exit(code)


@main.command()
@click.option("--worker/--no-worker", default=True, help="同一进程内是否也执行后台工作（默认是）。")
@click.option("--demo", is_flag=True, help="装入演示人员和演示案件，登录页显示演示帐号。")
def serve(worker: bool, demo: bool) -> None:
    """启动网页（默认 http://127.0.0.1:8000，用环境变量 PORT 改端口）。

    空数据库先从目录部署流程；以后的改动用 hejie deploy 部署（--demo 时启动即部署目录中改过的文件）。
    收到 SIGTERM 后不再接受新请求，办完手上的请求再停。
    """
    from web import demo_data, logging, mailbox
    from web.app import create_app
    from web.server import asked_by_signal, tell_supervisor

    settings = _settings()
    logging.configure(settings.log_level)
    if demo:
        settings = replace(settings, demo=True, public=True)
    with _open(settings) as house:
        _deploy_folder(house, changes=demo)
        if demo:
            demo_data.load(house, settings, progress=_progress("正在装入演示案件"))
        server = _listen(create_app(house.services(), settings), settings, settings.port, settings.threads)
        finish = house.worker.start() if worker else lambda: None
        _out.print(f"和解已启动：http://{settings.host}:{server.port}（按 Ctrl+C 停止）")
        try:
            with mailbox.polling(house, settings.imap_url if worker else ""), asked_by_signal(server.stop):
                tell_supervisor("READY=1")
                server.run()
        finally:
            tell_supervisor("STOPPING=1")
            finish()


@main.command()
@click.option("--threads", type=click.IntRange(1, 32), default=1, show_default=True, help="同时执行几件工作。")
def worker(threads: int) -> None:
    """只执行后台工作：到期的计时器、文书、通知。可在多台机器上同时运行。

    收到 SIGTERM 后做完手上的工作再停。设有 HEJIE_METRICS_PORT 时，在该端口回答 /healthz、/readyz、/metrics。
    """
    from web import logging, mailbox
    from web.monitoring_app import create_monitoring_app
    from web.server import in_background, tell_supervisor

    settings = _settings()
    logging.configure(settings.log_level)
    with ExitStack() as stack:
        house = stack.enter_context(_open(settings))
        if settings.metrics_port:
            app = create_monitoring_app(house.monitoring, settings)
            stack.enter_context(in_background(_listen(app, settings, settings.metrics_port, 2)))
        stack.enter_context(mailbox.polling(house, settings.imap_url))
        tell_supervisor("READY=1")
        house.worker.run_forever(threads=threads)
        tell_supervisor("STOPPING=1")


@main.command()
def migrate() -> None:
    """把数据库升级到本程序需要的结构；几个进程同时运行也无妨。"""
    from engine.database import Database

    settings = _settings()
    try:
        database = Database(settings.database_url)
        database.upgrade()
    except EngineError as error:
        _stop(error.message, 1)
    database.close()
    _out.print("数据库结构已是最新。")


@main.command()
def verify() -> None:
    """校验全部流水和文件：恢复备份之后必做，平时可定期做；有不符时退出码为 1。

    重新计算每个案件的流水校验值，并读出数据库提到的每个附件和文书，核对其内容。
    """
    from engine import kept_files
    from engine.database import Database
    from engine.deployments import Deployments
    from engine.files import FileStore
    from engine.identity import SYSTEM_PERSON
    from engine.records import Records

    settings = _settings()
    database = Database(settings.database_url)
    try:
        chains = Records(database, Deployments(database)).verify(SYSTEM_PERSON)
        files = list(kept_files.check(database, FileStore(settings.file_store)))
    except EngineError as error:
        _stop(error.message, 1)
    finally:
        database.close()
    broken = [
        f"流水 {chain.case_number or '—'}：{chain.verification.finding}"
        for chain in chains
        if not chain.verification.intact
    ]
    broken += [f"文件 {digest}：{wrong}" for digest, wrong in files if wrong]
    for line in broken:
        _out.print(line, style="red", highlight=False, soft_wrap=True)
    entries = sum(chain.verification.entries for chain in chains)
    _out.print(
        f"校验了 {len(chains)} 条流水（{entries} 条记录）和 {len(files)} 个文件：{len(broken)} 处不符。",
        highlight=False,
    )
    sys.exit(1 if broken else 0)


@contextmanager
def _open(settings: Settings) -> Iterator[House]:
    """Open the house, or say in a sentence why it cannot be opened."""
    from documents.errors import DocumentError
    from web.wiring import open_house

    with ExitStack() as stack:
        try:
            house = stack.enter_context(open_house(settings))
        except (EngineError, DocumentError) as error:
            _stop(str(error), 1)
        yield house


def _listen(app: Any, settings: Settings, port: int, threads: int) -> Server:
    from web.server import Server

    try:
        return Server(app, host=settings.host, port=port, threads=threads, patience=settings.stop_patience)
    except OSError as error:
        _stop(f"无法在 {settings.host}:{port} 上监听（{error.strerror}）。", 1)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
def check(paths: Sequence[Path]) -> None:
    """检查流程图、决策表、表单、文书模板及其相互引用；有错误时退出码为 1。

    不带 PATH 时检查本系统自己的文件；PATH 可以是目录（其中有 workflows/、forms/、documents/），也可以是单个文件
    （与本系统的文件合在一起检查）。
    """
    from web import bundles
    from web.wiring import open_checker

    settings = _settings()
    files = bundles.collect(settings.root, paths)
    with open_checker(settings) as check_bundle:
        problems = check_bundle(files)
    shown = bundles.only(problems, settings.root, paths)
    for problem in shown:
        _print_problem(problem)
    errors = sum(problem.severity == "error" for problem in shown)
    _out.print(f"检查了 {len(files)} 个文件：{errors} 个错误，{len(shown) - errors} 个提醒。", highlight=False)
    sys.exit(1 if errors else 0)


def _print_problem(problem: Problem) -> None:
    style = "red" if problem.severity == "error" else "yellow"
    place = f"{problem.file}  {problem.element_id}" if problem.element_id else problem.file
    _out.print(f"[{style}]{problem.severity}[/] ", end="")
    _out.print(f"{place}  {problem.code}  {problem.message}", markup=False, highlight=False, soft_wrap=True)


@main.command()
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--note", default="", help="说明改了什么、为什么改。")
@click.option("--by", default="system", help="部署人的用户名。")
def deploy(paths: Sequence[Path], note: str, by: str) -> None:
    """把 PATH 中的文件叠加到最新部署上，成为新的部署；办理中的案件不受影响。"""
    from web import bundles

    settings = _settings()
    with _open(settings) as house:
        files = bundles.collect(settings.root, paths, alone=True)
        info = _deploy(house, files, by=by, note=note)
    _out.print("内容未变，沿用现有部署。" if not info.new else f"已部署 {info.hash[:12]}：")
    for process in info.processes if info.new else ():
        _out.print(f"  {process.name or process.process_id}  第 {process.version} 版", highlight=False)


def _deploy(house: House, files: Any, *, by: str, note: str) -> Any:
    from engine.casework.errors import DeploymentRefused

    try:
        return house.casework.deploy(files, by=by, note=note, check=house.check)
    except DeploymentRefused as refused:
        for problem in refused.problems:
            _print_problem(problem)
        _stop("部署被拒绝：请先改正以上错误。", 1)


_FROM_FOLDER = "启动时从目录部署"


def _deploy_folder(house: House, *, changes: bool) -> None:
    """Deploy what lies in the folders of the checkout to a database that has nothing yet.

    With `changes` also, later on, the files that are no longer as they were deployed from here last. Never the others:
    what somebody has deployed since then would be gone, and an old process started again would undo a new one's.
    """
    from web import bundles

    files = bundles.collect(house.settings.root, ())
    if house.deployments.latest() is not None:
        before = house.deployments.noted(_FROM_FOLDER) if changes else None
        files = {path: content for path, content in files.items() if before and before.files.get(path) != content}
    if files:
        _deploy(house, files, by="system", note=_FROM_FOLDER)


@main.command("import")
@click.argument("file", type=click.File("rb"), metavar="FILE.csv|FILE.xlsx")
@click.option("--by", default=SYSTEM, help="录入人的用户名。")
@click.option("--check", "only_check", is_flag=True, help="只检查，不录入。")
def import_letters(file: Any, by: str, *, only_check: bool) -> None:
    """录入机关来函清单（CSV 或 XLSX），每行立一件案，进入统一受理；样例见 docs/letters.csv。

    有一行不对就一件也不录入，并逐行逐列说明；同一份来函（机关和文号相同）只录入一次，重复执行没有影响。
    """
    from web import letters

    with _open(_settings()) as house:
        try:
            reading = letters.read(house, Path(file.name).name, file.read())
            for wrong in reading.wrong:
                _out.print(str(wrong), style="red", markup=False, highlight=False, soft_wrap=True)
            if reading.wrong:
                _stop(f"有 {len(reading.wrong)} 处不对，一件也没有录入。", 1)
            received = [] if only_check else letters.take_in(house, reading, by=by)
        except EngineError as error:
            _stop(error.message, 1)
    if only_check:
        _out.print(f"{len(reading.matters)} 件来函都可以录入。", highlight=False)
        return
    for each in received:
        _out.print(f"{each.case.number}{'' if each.new else '  （以前已录入）'}", highlight=False)
    new = sum(each.new for each in received)
    _out.print(f"录入 {new} 件，以前已录入 {len(received) - new} 件。", highlight=False)


@main.command()
@click.option("--out", "out_dir", type=click.Path(file_okay=False, path_type=Path), required=True)
@click.option("--scenario", "names", multiple=True, help="只演示文件名含此文字的情景，可多次给出。")
def demo(out_dir: Path, names: Sequence[str]) -> None:
    """在空数据库上演示所有情景，把文书 PDF 写到 --out 目录，并列表说明。"""
    from web import demo_data
    from web.scenarios import ScenarioError

    settings = _settings()
    try:
        playbacks = demo_data.play_all(settings, out_dir, names, progress=_progress("演示"))
    except ScenarioError as error:
        _stop(str(error), 1)
    table = Table(title="演示结果", show_header=False, show_lines=True, width=max(_out.width, 100))
    table.add_column(width=4)
    table.add_column(overflow="fold")
    for label, text in demo_data.rows(playbacks):
        table.add_row(label, Text(text))
    _out.print(table, soft_wrap=True)


@main.command()
@click.argument("input_file", type=click.File("rb"), metavar="INPUT.json")
def compensation(input_file: Any) -> None:
    """按公司规则和现行法分别计算赔偿，以 JSON 输出（“-”表示从标准输入读取）。"""
    from engine.compensation import report

    try:
        given = json.load(input_file)
    except ValueError as error:
        name = getattr(input_file, "name", "<stdin>")
        _stop(f"{'标准输入' if name == '<stdin>' else name}：不是有效的 JSON（{error}）。")
    try:
        result = report(given)
    except EngineError as error:
        _stop(error.message, 1)
    click.echo(json.dumps(result, ensure_ascii=False, indent=2))


@main.command()
@click.option("--out", "out_dir", type=click.Path(file_okay=False, path_type=Path), default=None)
def handbook(out_dir: Path | None) -> None:
    """由流程文件生成参数一览（parameters.md）和各流程的说明（procedures/），写到 --out 目录（默认 docs/）。"""
    from web import bundles
    from web import handbook as written

    settings = _settings()
    pages = written.pages(bundles.collect(settings.root, ()))
    changed = written.write(out_dir or settings.root / "docs", pages)
    for path in changed:
        _out.print(str(path), markup=False, highlight=False, soft_wrap=True)
    _out.print(f"共 {len(pages)} 页，{len(changed)} 页有变化。", highlight=False)


@main.command()
@click.option("--database", default=None, help="在此 PostgreSQL 服务器上另建一个数据库来测量（默认临时 SQLite）。")
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出。")
@click.option("--quick", is_flag=True, help="各项只小做一遍，看看能不能测；数值没有意义。")
def bench(database: str | None, as_json: bool, quick: bool) -> None:
    """测量一遍全部性能指标，与裸 SpiffWorkflow 同机同时比较；要几分钟。

    每行是中位数和范围。测量用的数据库和文件事后全部删除。
    """
    from web import benchmarks

    figures = []
    try:
        for figure in benchmarks.run(_settings(), database, quick=quick):
            figures.append(figure)
            _err.print("  ".join(cell for cell in figure.cells() if cell), highlight=False, soft_wrap=True)
    except EngineError as error:
        _stop(error.message, 1)
    if as_json:
        click.echo(json.dumps([figure.row() for figure in figures], ensure_ascii=False, indent=2))
        return
    table = Table("项目", "中位数", "范围", "单位", "目标", "说明", title="基准", width=max(_out.width, 140))
    for figure in figures:
        table.add_row(*(Text(cell) for cell in figure.cells()))
    _out.print(table, soft_wrap=True)


_GROUPS = click.option(
    "--group", "groups", multiple=True, help="岗位（泳道名）或 审计、管理员、流程负责人；可多次给出。"
)


@main.command()
@click.argument("file", type=click.File("rb"), metavar="FILE.yaml")
@click.option("--by", default=SYSTEM, help="录入人（管理员）的用户名。")
def calendar(file: Any, by: str) -> None:
    """录入某些年份的放假和调休安排，替换这些年份原有的安排；样例见 docs/calendar.yaml。"""
    import yaml

    from web.wiring import open_house

    try:
        years = yaml.safe_load(file.read())
        tables = {int(year): list(rows) for year, rows in years.items()}
    except (yaml.YAMLError, AttributeError, TypeError, ValueError) as error:
        _stop(f"{file.name}：应为“年份: [放假和调休的日子]”（{error}）。")
    with open_house(_settings()) as house:
        for year, rows in tables.items():
            try:
                house.calendar.save_year(year, rows, by=by)
            except EngineError as error:
                _stop(error.message, 1)
            _out.print(f"已录入 {year} 年的安排。", highlight=False)


@main.command("add-person")
@click.argument("username")
@click.argument("display_name")
@_GROUPS
@click.option("--outside", is_flag=True, help="只经统一登录进入，不设密码。")
@click.option("--password", default=None, help="不给出时提示输入。")
def add_person(username: str, display_name: str, groups: Sequence[str], outside: bool, password: str | None) -> None:
    """建立一个可以登录的人员。"""
    if password is None and not outside:
        password = _new_password()
    with _open(_settings()) as house:
        try:
            house.identity.add(username, display_name, password, groups, by=SYSTEM)
        except EngineError as error:
            _stop(error.message, 1)
    _out.print(f"已建立 {display_name}（{username}）。", highlight=False)


@main.command("change-person")
@click.argument("username")
@click.option("--name", "display_name", default=None, help="新的姓名。")
@_GROUPS
@click.option("--no-groups", is_flag=True, help="不再属于任何岗位。")
@click.option("--active/--inactive", default=None, help="启用或停用；停用即退出登录。")
@click.option("--password", "ask_password", is_flag=True, help="重设密码（提示输入）；此人随即退出登录。")
@click.option("--sign-out", is_flag=True, help="让此人在所有设备上退出登录。")
@click.option("--stands-in-for", multiple=True, metavar="USERNAME", help="代办对象（AB岗），可多次；整个替换。")
@click.option("--stands-in-for-nobody", is_flag=True, help="不再代任何人办理。")
def change_person(
    *,
    username: str,
    display_name: str | None,
    groups: Sequence[str],
    no_groups: bool,
    active: bool | None,
    ask_password: bool,
    sign_out: bool,
    stands_in_for: Sequence[str],
    stands_in_for_nobody: bool,
) -> None:
    """修改人员：姓名、岗位（整个替换）、启用或停用、密码、在用的登录。"""
    if groups and no_groups:
        _stop("--group 与 --no-groups 只能用一个。")
    if stands_in_for and stands_in_for_nobody:
        _stop("--stands-in-for 与 --stands-in-for-nobody 只能用一个。")
    wanted = () if no_groups else groups or None
    others = () if stands_in_for_nobody else stands_in_for or None
    password = _new_password() if ask_password else None
    changes = any(value is not None for value in (display_name, wanted, active, password, others))
    if not (changes or sign_out):
        _stop("没有给出要改什么；见 hejie change-person --help。")
    with _open(_settings()) as house:
        try:
            if changes:
                house.identity.change(
                    username,
                    display_name=display_name,
                    groups=wanted,
                    active=active,
                    password=password,
                    stands_in_for=others,
                    by=SYSTEM,
                )
            if sign_out:
                house.identity.sign_out_everywhere(username, by=SYSTEM)
        except EngineError as error:
            _stop(error.message, 1)
        changed = house.identity.find(username)
    if changed is not None:
        _print_people([changed])


@main.command()
def people() -> None:
    """列出全部人员。"""
    with _open(_settings()) as house:
        _print_people(house.identity.everyone())


def _new_password() -> str:
    return str(click.prompt("密码", hide_input=True, confirmation_prompt="再输入一次"))


def _print_people(people: Sequence[Person]) -> None:
    table = Table("用户名", "姓名", "岗位", "状态")
    for person in people:
        groups = "、".join(sorted(person.groups))
        table.add_row(*(Text(text) for text in (person.username, person.display_name, groups)), _state(person))
    _out.print(table)


def _state(person: Person) -> str:
    return "在用" if person.active else "停用"
