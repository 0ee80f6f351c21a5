"""getopt() of the GNU C library: options may stand after operands, and its own error texts."""

from __future__ import annotations


def getopt(
        called_as: str, arguments: list[str], letters: str) -> tuple[list[tuple[str, str]], list[str], list[str], bool]:
    """Options, operands, error lines, and whether "--" ended the options.

    An option that is not known, or lacks its argument, is an ("?", "") among
    the options, as in C, besides its error line. With POSIXLY_CORRECT unset,
    operands are moved behind the options.
    """
    options: list[tuple[str, str]] = []
    operands: list[str] = []
    problems: list[str] = []
    takes_argument = {letter for letter, after in zip(letters, letters[1:] + " ") if after == ":" and letter != ":"}
    known = set(letters) - {":"}
    index = 0
    while index < len(arguments):
        word = arguments[index]
        index += 1
        if word == "--":
            return options, operands + arguments[index:], problems, True
        if len(word) < 2 or word[0] != "-":
            operands.append(word)
            continue
        position = 1
        while position < len(word):
            letter = word[position]
            position += 1
            if letter not in known:
                problems.append(f"{called_as}: invalid option -- '{letter}'")
                options.append(("?", ""))
            elif letter in takes_argument:
                if position < len(word):
                    options.append((letter, word[position:]))
                elif index < len(arguments):
                    options.append((letter, arguments[index]))
                    index += 1
                else:
                    problems.append(f"{called_as}: option requires an argument -- '{letter}'")
                    options.append(("?", ""))
                break
            else:
                options.append((letter, ""))
    return options, operands, problems, False

