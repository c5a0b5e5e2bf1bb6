"""The system calls that sandboxed code may make, as the program the kernel runs for each of them."""

import platform
import struct

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""Machine -> the kernel's number for it, and its column in the tables below."""

_DENIED = {
    "acct": (163, 89), "add_key": (248, 217), "adjtimex": (159, 171), "bpf": (321, 280), "chroot": (161, 51),
    "clock_adjtime": (305, 266), "clock_settime": (227, 112), "delete_module": (176, 106),
    "fanotify_init": (300, 262), "finit_module": (313, 273), "fsconfig": (431, 431), "fsmount": (432, 432),
    "fsopen": (430, 430), "fspick": (433, 433), "init_module": (175, 105), "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427), "io_uring_setup": (425, 425), "ioperm": (173, None), "iopl": (172, None),
    "kcmp": (312, 272), "kexec_file_load": (320, 294), "kexec_load": (246, 104), "keyctl": (250, 219),
    "lookup_dcookie": (212, 18), "memfd_secret": (447, 447), "migrate_pages": (256, 238),
    "modify_ldt": (154, None), "mount": (165, 40), "mount_setattr": (442, 442), "move_mount": (429, 429),
    "move_pages": (279, 239), "name_to_handle_at": (303, 264), "nfsservctl": (180, 42),
    "open_by_handle_at": (304, 265), "open_tree": (428, 428), "perf_event_open": (298, 241),
    "personality": (135, 92), "pidfd_getfd": (438, 438), "pivot_root": (155, 41), "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271), "ptrace": (101, 117), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "reboot": (169, 142), "request_key": (249, 218), "setdomainname": (171, 162), "sethostname": (170, 161),
    "setns": (308, 268), "settimeofday": (164, 170), "swapoff": (168, 225), "swapon": (167, 224),
    "syslog": (103, 116), "umount2": (166, 39), "unshare": (272, 97), "userfaultfd": (323, 282),
    "vhangup": (153, 58),
}  # fmt: skip

_TRUNCATE, _PRLIMIT = (76, 45), (302, 261)
_CLONE, _CLONE3, _IOCTL, _SOCKET = (56, 220), (435, 435), (16, 29), (41, 198)
_FIRST_UNKNOWN = 463
"""Calls newer than this table: told "not there", so that libraries fall back."""
_X32 = 0x40000000
_NEW_NAMESPACES = 0x7E020000
_TERMINAL_INPUT = (0x5412, 0x541C)
"""TIOCSTI and TIOCLINUX put words into the terminal's mouth."""
_UNIX, _INET, _INET6, _NETLINK = 1, 2, 10, 16

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM, _EACCES, _ENOSYS = _ERROR | 1, _ERROR | 13, _ERROR | 38
_NUMBER, _MACHINE, _ARGUMENTS = 0, 4, (16, 24, 32)

Instruction = tuple[int, int, int, int]


def program(*, has_unix: bool, has_inet: bool, is_alone: bool = True, machine: str = "") -> bytes:
    """Return the filter for this machine; empty where its call numbers are not known.

    `has_unix` and `has_inet` say which sockets may be made: both are harmless inside a network namespace of its own.
    What is not `is_alone` sees files and processes of the host: some of what its user may do to them is refused, too.
    """
    machine = machine or platform.machine()
    if machine not in _ARCHITECTURES:
        return b""
    number_of_machine, column = _ARCHITECTURES[machine]
    lines = [_load(_MACHINE), (_EQUAL, 1, 0, number_of_machine), _answer(_KILL), _load(_NUMBER)]
    if machine == "x86_64":
        lines += [(_AT_LEAST, 0, 1, _X32), _answer(_ENOSYS)]
    lines += _when(_CLONE3[column], [_answer(_ENOSYS)])
    for numbers in _DENIED.values():
        number = numbers[column]
        lines += _when(number, [_answer(_EPERM)]) if number is not None else []
    if not is_alone:
        lines += _when(_TRUNCATE[column], [_answer(_EPERM)])  # Landlock governs it from version 3 only
        lines += _when(_PRLIMIT[column], _own_limits())
    lines += _when(_CLONE[column], _namespaces())
    lines += _when(_IOCTL[column], _terminal())
    lines += _when(_SOCKET[column], _sockets(has_unix, has_inet))
    lines += [(_AT_LEAST, 0, 1, _FIRST_UNKNOWN), _answer(_ENOSYS), _answer(_ALLOW)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)


def _load(offset: int) -> Instruction:
    return (_LOAD, 0, 0, offset)


def _answer(action: int) -> Instruction:
    return (_RETURN, 0, 0, action)


def _when(value: int, then: list[Instruction]) -> list[Instruction]:
    """Go through `then`, which answers, if what is loaded equals `value`; else step over it."""
    return [(_EQUAL, 0, len(then), value), *then]


def _namespaces() -> list[Instruction]:
    return [_load(_ARGUMENTS[0]), (_ANY_BIT, 0, 1, _NEW_NAMESPACES), _answer(_EPERM), _answer(_ALLOW)]


def _own_limits() -> list[Instruction]:
    return [_load(_ARGUMENTS[0]), *_when(0, [_answer(_ALLOW)]), _answer(_EPERM)]


def _terminal() -> list[Instruction]:
    lines = [_load(_ARGUMENTS[1])]
    for request in _TERMINAL_INPUT:
        lines += _when(request, [_answer(_EPERM)])
    return [*lines, _answer(_ALLOW)]


def _sockets(has_unix: bool, has_inet: bool) -> list[Instruction]:
    families = [*([_UNIX] if has_unix else []), *([_INET, _INET6] if has_inet else [])]
    lines = [_load(_ARGUMENTS[0])]
    for family in families:
        lines += _when(family, [_answer(_ALLOW)])
    if has_inet:  # names and addresses are looked up over NETLINK_ROUTE, which is protocol 0
        lines += _when(_NETLINK, [_load(_ARGUMENTS[2]), *_when(0, [_answer(_ALLOW)]), _answer(_EACCES)])
    return [*lines, _answer(_EACCES)]
