"""What a command of the local stack imports: each of its processes would pay for it."""

import subprocess
import sys

from tests.command_line import ROOT


def test_a_command_of_the_local_stack_imports_neither_airflow_nor_the_client_of_elasticsearch() -> None:
    program = "import sys, local.__main__; print(sorted({'airflow', 'sqlalchemy', 'elasticsearch'} & set(sys.modules)))"
    path = [str(ROOT / "plugins"), str(ROOT)]
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {path}; {program}"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "[]\n"
