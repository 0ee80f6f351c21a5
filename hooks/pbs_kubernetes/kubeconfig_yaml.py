"""The YAML that kubeconfigs are written in."""
import json
import re
from typing import Any, Dict, List, Optional, Tuple


def plain_scalar(text: str) -> Any:
    """The value of an unquoted YAML scalar, of the kinds a kubeconfig has."""
    if text.lower() in ("yes", "no", "on", "off"):
        raise ValueError("%r is a boolean to some readers of YAML and text to others: quote it" % text)
    return {"true": True, "false": False, "null": None, "~": None, "": None}.get(text.lower(), text)


class YAMLText:
    """A reader for the YAML that kubeconfigs are written in: block and flow mappings and
    sequences, quoted and plain scalars, comments. PBS's interpreter has no YAML module, and
    kubelet's credential comes in no other format. Anything else is an error that names the line,
    not a guess."""

    def __init__(self, text: str) -> None:
        """Split the text into lines with content: (indentation, content)."""
        self.lines: List[Tuple[int, str]] = []
        self.numbers: List[int] = []  # of these lines in the text, from 1
        self.number = 0  # of the line that was taken last
        for number, line in enumerate(text.splitlines(), 1):
            content = self.without_comment(line).rstrip()
            if not content or content == "---" and not self.lines:
                continue
            if content.lstrip(" ").startswith("\t"):
                raise ValueError("line %d: a tab, where YAML has spaces only" % number)
            self.lines.append((len(content) - len(content.lstrip(" ")), content.strip()))
            self.numbers.append(number)

    def take(self) -> str:
        """Take the next line; its content."""
        self.number = self.numbers.pop(0)
        return self.lines.pop(0)[1]

    @staticmethod
    def without_comment(line: str) -> str:
        """A line up to its comment: a # at the start or after a space, outside quotes. Quotes
        open only where a value begins, so that an apostrophe inside a word is none."""
        match = re.match(r"""(?:(?<![^\s\[{,])(?:"(?:\\.|[^"\\])*"|'(?:[^']|'')*')|(?<=\S)\#|[^#])*""", line)
        return match.group() if match else line

    def parse(self) -> Any:
        """The document; ValueError that names the line which cannot be read."""
        if not self.lines:
            return None
        try:
            value = self.block(self.lines[0][0])
        except ValueError as error:
            raise ValueError("line %d: %s" % (self.number, error))
        if self.lines:
            raise ValueError("line %d: unexpected %r" % (self.numbers[0], self.lines[0][1]))
        return value

    def block(self, indentation: int) -> Any:
        """The mapping or sequence whose entries stand at this indentation."""
        if self.lines[0][1].startswith("- ") or self.lines[0][1] == "-":
            return self.sequence(indentation)
        if self.lines[0][1][0] in "{[":
            return self.flow_value(self.take())
        return self.mapping(indentation)

    def sequence(self, indentation: int) -> List[Any]:
        """Entries that begin with a dash. What follows it stands deeper, as if on a line of its own."""
        items: List[Any] = []
        while self.lines and self.lines[0][0] == indentation and re.match(r"-( |$)", self.lines[0][1]):
            rest = self.lines[0][1][1:]
            content = rest.strip()
            if not content:
                self.take()
                items.append(self.nested(indentation + 1))
            elif self.key_of(content):
                inner = indentation + 1 + len(rest) - len(rest.lstrip())
                self.lines[0] = (inner, content)
                items.append(self.block(inner))
            else:
                self.take()
                items.append(self.flow_value(content))
        return items

    def mapping(self, indentation: int) -> Dict[str, Any]:
        """Lines of "key: value"."""
        values: Dict[str, Any] = {}
        while self.lines and self.lines[0][0] == indentation:
            content = self.lines[0][1]
            match = self.key_of(content)
            if match is None:
                break
            self.take()
            key, rest = match.group(1).strip("\"'"), match.group(2).strip()
            if key in values:
                raise ValueError("key %r a second time" % key)
            if rest:
                values[key] = self.flow_value(rest)
            elif self.lines and self.lines[0][0] == indentation and self.lines[0][1].startswith("-"):
                values[key] = self.sequence(indentation)  # a sequence may stand as deep as its key
            else:
                values[key] = self.nested(indentation + 1)
        return values

    def nested(self, least: int) -> Any:
        """The block that stands at least this deep, or nothing."""
        return self.block(self.lines[0][0]) if self.lines and self.lines[0][0] >= least else None

    @staticmethod
    def key_of(content: str) -> Optional[Any]:
        """A match of "key:" at the start of a line, with the rest of it."""
        return re.match(r"""("[^"]*"|'[^']*'|[^\s"'{\[][^"'{\[]*?):(\s.*|)$""", content)

    def flow_value(self, text: str) -> Any:
        """A scalar, or a mapping or sequence in brackets, that fills the text."""
        value, rest = self.flow(text.strip(), in_flow=False)
        if rest.strip():
            raise ValueError("unexpected %r" % rest)
        return value

    def flow(self, text: str, in_flow: bool = True) -> Tuple[Any, str]:
        """The value that the text begins with, and the text after it."""
        if re.match(r"[|>&*!%@`]|[-?:](\s|$)", text) or not in_flow and re.match(r"[^\"'\[{].*:\s", text):
            raise ValueError("%r is more YAML than a kubeconfig needs" % text)
        if text.startswith('"'):
            value, length = json.JSONDecoder().raw_decode(text)
            return value, text[length:].lstrip()
        if text.startswith("'"):
            match = re.match(r"'((?:[^']|'')*)'", text)
            if match is None:
                raise ValueError("no closing quote in %r" % text)
            return match.group(1).replace("''", "'"), text[match.end():].lstrip()
        if text.startswith("["):
            return self.flow_sequence(text[1:].lstrip())
        if text.startswith("{"):
            return self.flow_mapping(text[1:].lstrip())
        plain = re.match(r"(?:[^,\]}:]|:(?=[^\s,\]}]))*" if in_flow else r".*", text)
        scalar = plain.group() if plain else ""
        return plain_scalar(scalar.strip()), text[len(scalar):]

    def flow_sequence(self, text: str) -> Tuple[List[Any], str]:
        """The rest of a sequence after its opening bracket."""
        items: List[Any] = []
        while not text.startswith("]"):
            value, text = self.flow(text)
            items.append(value)
            text = self.separator(text, "]")
        return items, text[1:].lstrip()

    def flow_mapping(self, text: str) -> Tuple[Dict[str, Any], str]:
        """The rest of a mapping after its opening brace."""
        values: Dict[str, Any] = {}
        while not text.startswith("}"):
            key, text = self.flow(text)
            if not text.startswith(":"):
                raise ValueError("no value for key %r" % key)
            if str(key) in values:
                raise ValueError("key %r a second time" % key)
            values[str(key)], text = self.flow(text[1:].lstrip())
            text = self.separator(text, "}")
        return values, text[1:].lstrip()

    @staticmethod
    def separator(text: str, closing: str) -> str:
        """The text after a comma, or at the closing bracket."""
        if text.startswith(","):
            return text[1:].lstrip()
        if not text.startswith(closing):
            raise ValueError("no %s in %r" % (closing, text))
        return text


def parse_yaml(text: str) -> Any:
    """The value of a YAML document; JSON is YAML too."""
    try:
        return json.loads(text)
    except ValueError:
        return YAMLText(text).parse()
