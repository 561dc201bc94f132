"""Check that an extension module needs no more than the tags of its wheel allow.

``binary_findings`` reads an ELF file with pyelftools, which it imports.
"""

import io

MACHINES = {"x86_64": "EM_X86_64", "aarch64": "EM_AARCH64"}
# The C library, which had several files before 2.34, and its loader.
LIBRARIES = {
    "libc.so.6",
    "libm.so.6",
    "libpthread.so.0",
    "libdl.so.2",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
}
SEARCH_PATHS = {"DT_RPATH": "rpath", "DT_RUNPATH": "runpath"}
EXECUTABLE = 1  # PF_X


def dynamic_findings(elf):
    """Find libraries other than the C library, and search paths."""
    for tag in elf.get_section_by_name(".dynamic").iter_tags():
        if tag.entry.d_tag in SEARCH_PATHS:
            path = getattr(tag, SEARCH_PATHS[tag.entry.d_tag])
            yield f"it looks for libraries in {path}"
        elif tag.entry.d_tag == "DT_NEEDED" and tag.needed not in LIBRARIES:
            yield f"it needs {tag.needed}"


def version_findings(elf, glibc):
    """Find symbols that are newer than a version of glibc."""
    needed = elf.get_section_by_name(".gnu.version_r")
    for library, versions in needed.iter_versions() if needed else []:
        for version in versions:
            kind, _, number = version.name.partition("_")
            numbers = tuple(map(int, number.split("."))) if kind == "GLIBC" else None
            if numbers is None or numbers > glibc:
                yield f"it needs {version.name} of {library.name}"


def binary_findings(data, machine, glibc):
    """Return the faults of a shared library, as lines of text.

    ``data`` is the content of the file, ``machine`` the machine in the tag of its
    wheel, such as "x86_64", and ``glibc`` the version it may need, such as (2, 17).
    """
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(io.BytesIO(data))
    found = [*dynamic_findings(elf), *version_findings(elf, glibc)]
    if elf["e_machine"] != MACHINES[machine]:
        found.append(f"it is for {elf['e_machine']}, not {machine}")
    if debug := [s.name for s in elf.iter_sections() if s.name.startswith(".debug")]:
        found.append(f"it has debugging information: {', '.join(debug)}")
    stacks = [s for s in elf.iter_segments() if s["p_type"] == "PT_GNU_STACK"]
    if not stacks or stacks[0]["p_flags"] & EXECUTABLE:
        found.append("its stack is executable")
    symbols = elf.get_section_by_name(".dynsym").iter_symbols()
    if "PyInit__core" not in {symbol.name for symbol in symbols}:
        found.append("it is not an extension module: it has no PyInit__core")
    return found
