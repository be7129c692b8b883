"""Recursive descent over the words of a rule."""

from difflib import get_close_matches

from counterpoise.errors import InputError
from counterpoise.read.rule_syntax import (
    DEPTH_LIMIT,
    FUNCTIONS,
    KEYWORDS,
    SIZE_LIMIT,
    Call,
    Chain,
    Choice,
    Comparison,
    Day,
    IsMissing,
    Literal,
    Logical,
    Member,
    Missing,
    Name,
    Negative,
    Node,
    Not,
    Number,
    Text,
    Token,
    Truth,
    compiled_size,
    finite_number,
    iso_date,
    rule_error,
    tokens_of,
)

_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


def syntax_tree(rule: str) -> Node:
    """Return the syntax tree of a rule; anything that is not a rule is an `InputError`.

    >>> syntax_tree("age >= 18")
    Comparison(operator='>=', left=Name(name='age', at=0), right=Number(value=18.0, at=7), at=4)
    """
    return _Parser(rule).parse()


class _Parser:
    """One pass over the words of one rule; a method for each line of the grammar."""

    def __init__(self, rule: str) -> None:
        self.rule = rule
        self.tokens = tokens_of(rule)
        self.position = 0
        self.depth = 0

    def parse(self) -> Node:
        if self.peek.kind == "end":
            raise rule_error(self.rule, "it must not be empty", 0)
        tree = self.any()
        if self.peek.kind != "end":
            raise self.unexpected("the rule should end here", self.continuation())
        if compiled_size(tree) > SIZE_LIMIT:
            raise rule_error(self.rule, "it is too long", 0, "derive a column in between")
        return tree

    def continuation(self) -> str:
        if self.peek.text in _COMPARISONS:
            return "join two comparisons by `and`"
        if self.peek.kind in ("name", "text") and self.peek.text.lower() in KEYWORDS:
            return f"write `{self.peek.text.lower()}` in lower case"
        return ""

    @property
    def peek(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.peek
        self.position += token.kind != "end"
        return token

    def found(self, text: str) -> bool:
        """Take the next word if it is the keyword or operator `text`."""
        if self.peek.text == text and self.peek.kind in ("name", "operator"):
            self.position += 1
            return True
        return False

    def expect(self, text: str) -> None:
        if not self.found(text):
            raise self.unexpected(f"`{text}` is expected here")

    def unexpected(self, what: str, remedy: str = "") -> InputError:
        token = self.peek
        found = "the rule ends" if token.kind == "end" else f"`{token.text}` was found"
        return rule_error(self.rule, f"{what}, but {found}", token.at, remedy)

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > DEPTH_LIMIT:
            raise rule_error(
                self.rule,
                f"it nests deeper than {DEPTH_LIMIT} levels",
                self.peek.at,
                "derive a column in between",
            )

    def any(self) -> Node:
        self.deeper()
        tree = self.choice() if self.peek.text == "if" and self.peek.kind == "name" else self.logical("or")
        self.depth -= 1
        return tree

    def choice(self) -> Node:
        at = self.peek.at
        branches: list[tuple[Node, Node]] = []
        self.expect("if")
        while True:
            condition = self.any()
            self.expect("then")
            branches.append((condition, self.any()))
            if not self.found("else"):
                raise self.unexpected("`else` is expected here", "say what holds otherwise, for example `else missing`")
            if not self.found("if"):
                return Choice(tuple(branches), self.any(), at)

    def logical(self, operator: str) -> Node:
        at = self.peek.at
        operands = [self.negation() if operator == "and" else self.logical("and")]
        while self.found(operator):
            operands.append(self.negation() if operator == "and" else self.logical("and"))
        return Logical(operator, tuple(operands), at) if len(operands) > 1 else operands[0]

    def negation(self) -> Node:
        at = self.peek.at
        if not self.found("not"):
            return self.comparison()
        self.deeper()
        tree = Not(self.negation(), at)
        self.depth -= 1
        return tree

    def comparison(self) -> Node:
        left = self.chain("+-")
        token = self.peek
        if token.kind == "operator" and token.text in _COMPARISONS:
            self.take()
            tree = Comparison(token.text, left, self.chain("+-"), token.at)
            if self.peek.text in _COMPARISONS and self.peek.kind == "operator":
                raise self.unexpected("a comparison has two sides", "join two comparisons by `and`")
            return tree
        if self.found("is"):
            negated = self.found("not")
            self.expect("missing")
            return IsMissing(left, negated, token.at)
        negated = self.found("not")
        if negated or self.peek.text == "in":
            self.expect("in")
            return Member(left, self.items(), negated, token.at)
        return left

    def items(self) -> tuple[Literal, ...]:
        self.expect("[")
        items = [self.literal()]
        while self.found(","):
            items.append(self.literal())
        self.expect("]")
        return tuple(items)

    def literal(self) -> Literal:
        at = self.peek.at
        if self.found("-"):
            if self.peek.kind != "number":
                raise self.unexpected("a number is expected here")
            number = self.number(self.take())
            return Number(-number.value, at)
        value = self.primary() if self.peek.text not in ("(", "`") else None
        if isinstance(value, Number | Text | Day | Truth):
            return value
        remedy = f'write "{value.name}" if the value is meant' if isinstance(value, Name) else ""
        raise rule_error(self.rule, "a list holds numbers, texts and dates only", at, remedy)

    def chain(self, operators: str) -> Node:
        at = self.peek.at
        operand = self.unary if operators == "*/" else lambda: self.chain("*/")
        first, rest = operand(), list[tuple[str, Node]]()
        while self.peek.kind == "operator" and self.peek.text in operators:
            rest.append((self.take().text, operand()))
        return Chain(first, tuple(rest), at) if rest else first

    def unary(self) -> Node:
        at = self.peek.at
        if not self.found("-"):
            return self.primary()
        self.deeper()
        tree = Negative(self.unary(), at)
        self.depth -= 1
        return tree

    def primary(self) -> Node:
        token = self.peek
        if token.kind == "number":
            return self.number(self.take())
        if token.kind == "text":
            return Text(self.take().text[1:-1], token.at)
        if token.kind == "quoted":
            return Name(self.take().text[1:-1], token.at)
        if token.kind == "name":
            return self.word()
        if self.found("("):
            tree = self.any()
            self.expect(")")
            return tree
        raise self.unexpected("a value is expected here")

    def number(self, token: Token) -> Number:
        value = finite_number(token.text)
        if value is None:
            raise rule_error(self.rule, f"`{token.text}` is too large", token.at)
        return Number(value, token.at)

    def word(self) -> Node:
        token = self.take()
        if token.text in ("true", "false"):
            return Truth(token.text == "true", token.at)
        if token.text == "missing":
            return Missing(token.at)
        if token.text in KEYWORDS:
            self.position -= 1
            raise self.unexpected("a value is expected here", "put a column of that name in backticks")
        return self.call(token) if self.found("(") else Name(token.text, token.at)

    def call(self, token: Token) -> Node:
        if token.text not in FUNCTIONS:
            near = get_close_matches(token.text, FUNCTIONS, n=1)
            remedy = f"did you mean `{near[0]}`? " if near else ""
            allowed = ", ".join(sorted(FUNCTIONS))
            raise rule_error(
                self.rule,
                f"there is no function `{token.text}`",
                token.at,
                f"{remedy}the functions are {allowed}",
            )
        arguments = [] if self.peek.text == ")" else [self.any()]
        while self.found(","):
            arguments.append(self.any())
        self.expect(")")
        return self.checked_call(token, tuple(arguments))

    def checked_call(self, token: Token, arguments: tuple[Node, ...]) -> Node:
        fewest, most = FUNCTIONS[token.text]
        if not fewest <= len(arguments) <= most:
            count = f"{fewest}" if fewest == most else f"{fewest} to {most}"
            what = f"`{token.text}` takes {count} argument{'s' * (most > 1)}, not {len(arguments)}"
            raise rule_error(self.rule, what, token.at)
        if token.text != "date":
            return Call(token.text, arguments, token.at)
        written = arguments[0]
        day = iso_date(written.value) if isinstance(written, Text) else None
        if day is None:
            raise rule_error(self.rule, "`date` takes a day as text", token.at, 'for example date("2020-01-31")')
        return Day(day, token.at)
