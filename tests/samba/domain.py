"""The domain controller that tests/samba/server has started: its directory, its SYSVOL, and samba-tool against it.

Imported by the scripts beside it. As a program it waits until the controller answers: python3 domain.py CONFIGURATION
"""

import contextlib
import io
import os
import socket
import subprocess
import sys
import time

from samba.auth import system_session
from samba.credentials import DONT_USE_KERBEROS, Credentials
from samba.param import LoadParm
from samba.samdb import SamDB

# A command that calls another one, such as setlink, prints what that says where the standard output was at this moment.
with contextlib.redirect_stdout(io.StringIO()):
    from samba.netcmd.main import cmd_sambatool

HOST = "127.0.0.1"
URL = f"ldap://{HOST}"
BASE = "DC=example,DC=test"


class Controller:
    def __init__(self, configuration):
        self.configuration = str(configuration)
        self.lp = LoadParm()
        self.lp.load(self.configuration)
        self.user, self.password = "Administrator", os.environ["GPOL_SAMBA_PASSWORD"]
        self.credentials = Credentials()
        self.credentials.guess(self.lp)
        self.credentials.set_username(self.user)
        self.credentials.set_password(self.password)
        self.credentials.set_kerberos_state(DONT_USE_KERBEROS)

    def directory(self):
        return SamDB(url=URL, session_info=system_session(self.lp), credentials=self.credentials, lp=self.lp)

    def login(self):
        """Kerberos is off: the address has no name there."""
        conf = f"--configfile={self.configuration}"
        return ["-H", URL, conf, "--use-kerberos=off", "-U", f"{self.user}%{self.password}"]

    def ldif(self, query, *words):
        """What ldbsearch prints."""
        done = subprocess.run(["ldbsearch", *self.login(), *words, query], check=True, capture_output=True, text=True)
        return done.stdout

    def tool(self, *words):
        """What samba-tool prints. It runs in this process, for a new one each time takes most of the time."""
        said = io.StringIO()
        words = ["samba-tool", *map(str, words), *self.login()]
        command, rest = cmd_sambatool(outf=said, errf=said)._resolve(*words, outf=said, errf=said)
        if command._run(*rest):
            raise RuntimeError(f"samba-tool {words[1:]}: {said.getvalue()}")
        return said.getvalue()


def wait(controller, seconds=120):
    """Until LDAP and SMB answer: samba-tool gpo show needs both."""
    end = time.monotonic() + seconds
    while True:
        try:
            # Samba tells of each refused connection, so the ports are asked first.
            for port in (389, 445):
                socket.create_connection((HOST, port), 1).close()
            return controller.tool("gpo", "show", "{31B2F340-016D-11D2-945F-00C04FB984F9}")
        except (OSError, RuntimeError) as error:
            if time.monotonic() > end:
                sys.exit(f"the domain controller does not answer: {error}")
            time.sleep(0.2)


if __name__ == "__main__":
    wait(Controller(sys.argv[1]))
