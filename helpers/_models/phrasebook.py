"""What people say to the offline model in each language, and what it says."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache, cached_property

from helpers._localization.languages import LANGUAGES, SOURCE_LANGUAGE
from helpers._localization.messages import catalog

CONTEXT = "offline_model/"


@dataclass(frozen=True)
class Language:
    """How one language is recognised, how it gives and asks for a name, and what the model answers.

    The values here are English. Other languages have theirs in their catalog, under the context
    ``offline_model/`` and the field's name.

    What people say is written as phrases, one a line. Write them without accents, with straight apostrophes and in any
    case: a message is read so. A phrase is a regular expression, in which

    - ``{name}`` is a name, whatever it is, and ``{Name}`` one that looks like a name: it is among `names` or has a
      capital letter, and is not among `not_names`. Take ``{Name}`` where other words may follow, as in ``I'm {Name}``;
    - ``^`` and ``$`` are the beginning and the end of a clause, ``…`` is up to forty characters of a sentence;
    - an apostrophe may be left out, and so may a space in the languages that are written with few;
    - ``(a|b)`` is a choice, and ``(a|b)?`` need not be there;
    - each repetition has a bound, ``{0,9}`` in place of ``*``, so that none takes more than linear time.

    Attributes:
        signs: A regular expression for what only this language has, accents included, such as
            ``[äöß]|\\b(?:ich|nicht|und)\\b``. The language with the most of it is answered in; English has none.
        introduces: A speaker's giving of a name.
        asks_name, asks_count, asks_previous: The questions that the model can answer.
        names: Words that are names, by which ``i'm bob`` gives one and ``i'm tired`` does not. ``.`` is a letter and
            ``…`` are some: ``김..`` is a name of three syllables.
        not_names: Words that are no name even with a capital letter. One without ``…`` is none for ``{name}`` either;
            one that is in `names` too is a name.
        stand_in: The mark before every answer.
        greets, knows, knows_not, previous, no_previous, count, tool, summary, otherwise: The answers.
    """

    signs: str = "(?!)"
    introduces: str = """\
my (full |first |real |user |nick)?name('s| is|:) {name}
^(the )?name's {name}
^(well |so |and |please |pls |just |but |you (can|may|could) |everyone |feel free to ){0,2}call me {name}( please| pls| plz| thanks| for short| instead)?$
(friends|people|everyone|everybody|they|folks|all) (just )?calls? me {Name}$
(I'm|I am) {Name}($| and| from| but| by the way| btw| nice| here)
(hi|hey|hello|yo|morning|evening|afternoon),? (it's|this is) {Name}$
this is {Name} (here|speaking|again)
^(hi |hey |hello |yo )?(it's )?{Name} here$
(I go by|I'm known as|I'm called|I am called) {name}
you're talking to {Name}$"""
    asks_name: str = """\
what('s| is| was|s|re)? my (\\w{1,9} )?name
(know|remember|recall|tell me|say|forget|forgot|forgotten|guess|told you|tell you|recollect) (what )?my (\\w{1,9} )?name
what my (\\w{1,9} )?name (is|was)
^(and |so |hey ){0,2}my name( is what)?$
who (am I|I am)$
what (do|did|should|would|will) (you|I) (call me|say my name|say I was called)
what (am|was) I called$
what did I (say|tell you) my name"""
    asks_count: str = """\
how (many|much) (\\w{1,12} ){0,2}(messages?|msgs?|texts|questions?|lines|sentences|things) (have I|did I|I've|I have|I |so far|were|are|has|was|in )
how many (messages|msgs|questions|texts)
how (often|many times) (have|did) I (\\w{1,9} )?(write|written|wrote|say|said|ask|asked|text|texted|message|messaged|send|sent)
count (up )?(all )?(my|our|the) (messages|msgs|questions|texts)
(what|tell me|give me|know)… (number|count) of (my |all |the )?(messages|msgs|questions|texts)"""
    asks_previous: str = """\
what (did|have|was|had|were) I (just |last |previously |earlier ){0,2}(say|said|saying|ask|asked|asking|tell|told|telling|write|written|wrote|type|typed|text|mention)
(repeat|remember|recall|know|tell me|quote|remind me|forget|forgot|say) what I('ve| have)? (just |last |previously ){0,2}(said|asked|wrote|told|typed|was saying|written|sent)
(what|repeat|quote|recall|remember|tell me|show me|read)… my (very )?(last|previous|latest|prior|earlier) (message|question|sentence|words?|line|text|msg)
^(and )?my (last|previous) (message|question|msg|sentence)$
(last|previous) (thing|message|question|sentence) (that )?I (just )?(said|asked|wrote|sent|typed|told)
what I (just )?said (just now|before|again|last)$"""
    names: str = """\
aaron abby abigail adam adrian ahmed aidan aiko aisha alan albert alex alexander alexandra alfred alice alison amanda
amber amir amy ana andrea andrew andy angela anh anita ann anna anne anthony archer arthur ashish ashley austin aylin
barbara ben benjamin beth betty bill bob bobby brandon brenda brent brian bruce bruno bryan bryant carl carla carol
caroline carter catherine cedric charles charlie charlotte chen chester chloe chris christian christina christine
christopher claire clara clive connor cooper craig cynthia daisy damian dan dana daniel danny dave david dean debbie
deborah dennis derek dexter diana diane didier diego dominic donald donna doris dorothy doug dylan ed eddie edward
eleanor elena eli elijah elizabeth ella ellen elmer emilia emily emma eric erin ester esther ethan eva evan evelyn
fabian felix fiona florian frank fred freya gabriel gary george gillian gina ginger gloria grace grant greg hannah
hans harish harold harper harry heather hector heidi helen henry herman hiroshi homer hugo hunter ian igor ingrid
irene isaac isabella ivan ivy jack jackie jacob jade jake james jamie jan jane janet jared jason jasper javier jean
jeff jennifer jenny jeremy jerry jess jesse jessica jill jim jimmy jing joan joe joel john johnny jon jonathan jordan
joseph josh joshua joyce juan judy julia julian julie justin kai karen kate katherine kathy katie keith kelly ken
kenji kenneth kent kevin killian kim krish kumar kyle larry lars laura lauren lee leila leo leon leonard lester levi
li liam lillian lily linda ling linh lisa liv logan lou louis lucas lucy luis luke lydia madison maggie manish marcus
margaret maria marian marie mark martha martin mary mason mateo matt matthew maya megan mei melissa mia michael
michelle miguel mike mila min ming mohamed mohammed molly monica muhammad nadia nancy naomi natalie natasha nate
nathan neil nicholas nick nicole nina noah noor nora norman olive oliver olivia olivier omar oscar owen pam pamela
parker patricia patrick paul paula peggy peter phil philip pia piper priya rachel rafael raj ralph randy ray rebecca
richard rick rita rob robert robin roger roman ron ronald rosa rose rosie roy ruby russell ruth ryan sally salvador
sam samantha samuel sandra sara sarah satish sawyer scott sean sebastian sergio seth sharon sheila shirley simon
skyler sofia sonia sophia sophie spencer stan stella stephanie stephen steve steven stuart sue summer susan suzanne
sven syed sylvia tamara tanner tara tate taylor ted teresa terry tess theo therese thomas tiffany tim timothy tina
tobias toby todd tom tommy tony tracy trent trevor tyler ulrich uma vanessa vera vicky victor victoria viktor vincent
virginia vivian walker walter wanda wayne wei wendy will william wilmer xavier yasmin ying yuki yusuf zach zara zoe"""
    not_names: str = """\
a an the not no so very here just fine good sorry happy glad trying looking using going from in on at your my hard
difficult long short easy common unusual spelled pronounced written secret unknown also still already now same different
later back tomorrow tonight today asap again maybe anytime sometime please when if whatever what who nothing something
none is isn't irrelevant important private confidential boring funny weird old-fashioned after before once right because
too crazy stupid ok okay sure done ready new tired hungry bored busy sick well great late early lost stuck confused sad
back home monday tuesday wednesday thursday friday saturday sunday
…'s …ish …ese …ist …ian …ean …ican …ing …ful …less …ous …ed …er …or …eer …man …woman …yst …ant …ent …ate …ic …tive …ive
muslim catholic jew hindu sikh french dutch czech greek thai swiss swede dane pole turk arab iraqi israeli pakistani
german american african mexican asian european canadian australian indian brit scot british english indonesian
head chief senior junior lead vice team staff principal product project full half part data software cto ceo cfo
student nurse chef coach boss intern guy girl dad mom mum father mother husband wife single gay"""
    stand_in: str = "[offline model]"
    greets: str = "Nice to meet you, {name}!"
    knows: str = "Your name is {name}."
    knows_not: str = "I don't know your name: it is not in the messages that I was given."
    previous: str = "Just before, you said: “{text}”"
    no_previous: str = "This is the first message I was given in this conversation."
    count: str = "Messages that you have sent so far: {count}."
    tool: str = "The tool {name} answers: {text}"
    summary: str = "What you have said so far:\n{text}"
    otherwise: str = "I stand in for a real model: from the messages that I was given I can only tell your name, what you said before, and how many messages you sent."


QUESTIONS = ("asks_name", "asks_count", "asks_previous")
"""In the order in which they are looked for: "How many messages did I send before?" asks for a number."""

_UNSPACED = r"\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3"  # scripts that put few spaces or none between words
_EDGELESS = r"\u3040-\u30ff\u3400-\u9fff"  # those in which nothing shows where a word begins
_NAME = r"[^\W\d_][\w'\-]{0,30}(?: (?-i:[A-Z][a-z])[\w'\-]{0,30}){0,2}"  # more words only in capitals: Ada Lovelace
_UNSPACED_NAME = (  # as short as it may be, since a verb may follow without a space
    r"(?:[a-z\u00c0-\u024f][a-z\u00c0-\u024f'\-]{0,30}(?: (?-i:[A-Z])[a-z'\-]{1,30}){0,2}|[\uac00-\ud7a3]{1,6}?"
    r"|[\u30a1-\u30ff]{2,12}?(?:[・=][\u30a1-\u30ff]{2,12}){0,2}|[\u3041-\u309f]{2,6}?"
    r"|[\u3400-\u9fff々·]{1,6}?(?: ?[\u3040-\u30ff\u3400-\u9fff]{1,6}?)?)"
)
_SHORTHAND = re.compile(r"(?<!\[)\^| \?|[$… ']|\((?!\?)|\{[nN]ame\}")
_START = r"(?:\A|(?<=[^\w\s'\-])|(?<=\n))\s{0,9}"
_END = r"(?=\s{0,9}(?:\Z|[^\w\s'\-:]|\n))"  # what follows a colon belongs to it
_SOME = r"[^.!?。\n]{0,40}?"


def expression(phrase: str) -> str:
    """The regular expression that a phrase stands for; a name is its one group."""
    unspaced = re.search(f"[{_UNSPACED}]", phrase) is not None
    gap, name = (r"\s{0,3}", _UNSPACED_NAME) if unspaced else ("", _NAME)
    shorthand = {
        "^": _START,
        "$": _END,
        "…": _SOME,
        "'": "'?",
        " ": gap or r"\s{1,3}",
        " ?": r"\s{0,3}",
        "(": "(?:",
        "{name}": f"{gap}({name}){gap}",
        "{Name}": f"{gap}({name}){gap}",
    }
    written = _SHORTHAND.sub(lambda match: shorthand[match[0]], phrase)
    start = "" if re.match(rf"\(*[\^{{\\{_EDGELESS}]", phrase) else r"(?<![\w'])"
    return start + written + ("" if unspaced else r"(?!\w)")


@cache
def _phrases(text: str) -> re.Pattern[str]:
    return re.compile("|".join(map(expression, text.splitlines())), re.IGNORECASE)


@cache
def _words(text: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\s+", "|", text).replace("…", r".{0,30}?"), re.IGNORECASE)


@cache
def languages() -> dict[str, Language]:
    """The languages whose catalogs are complete for the model, English last: it is what is left over."""
    names = [field.name for field in fields(Language)]
    known = {}
    for code in LANGUAGES:
        translated = {context.removeprefix(CONTEXT): text for (context, _), text in catalog(code).items()}
        if translated.keys() >= set(names):
            known[code] = Language(**{name: translated[name] for name in names})
    return known | {SOURCE_LANGUAGE: Language()}


class Reading:
    """What the model makes of a message, in whichever language it is.

    Attributes:
        text: The message, with letters of one width.
    """

    def __init__(self, text: str) -> None:
        self.text = unicodedata.normalize("NFKC", re.sub("[’‘ʼ´`]", "'", text))
        self._plain = "".join(map(_plain, self.text))

    @cached_property
    def language(self) -> str | None:
        """The code of the language that shows the most signs, a phrase being worth two; ``None`` without any."""
        signs = {
            code: len(re.findall(language.signs, self.text, re.IGNORECASE))
            + 2 * any(_phrases(getattr(language, field)).search(self._plain) for field in ("introduces", *QUESTIONS))
            for code, language in languages().items()
        }
        likeliest = max(signs, key=lambda code: signs[code])
        return likeliest if signs[likeliest] else None

    @cached_property
    def question(self) -> str | None:
        """Which of `QUESTIONS` it asks."""
        return next((question for question in QUESTIONS if self._asks(question)), None)

    @cached_property
    def name(self) -> str | None:
        """The name that it gives its speaker. What asks for the name gives one only if it looks like a name."""
        return next(self._names(), None)

    def _asks(self, question: str) -> bool:
        return any(_phrases(getattr(language, question)).search(self._plain) for language in languages().values())

    def _names(self) -> Iterator[str]:
        for code, language in languages().items():
            for phrase in language.introduces.splitlines():
                if code == SOURCE_LANGUAGE and "{Name}" in phrase and self.language not in (None, code):
                    continue  # i'm without its apostrophe is a word of German: ich arbeite im Krankenhaus
                for match in _phrases(phrase).finditer(self._plain):
                    doubtful = "{Name}" in phrase or self.question == "asks_name"
                    if _is_name(match[1], language, doubtful):
                        yield self.text[slice(*match.span(1))]


def _plain(letter: str) -> str:
    """A letter without its accent; the sounds of Korean laughter and tears are none."""
    if "\u1100" <= letter <= "\u11ff":
        return "~"
    parts = unicodedata.normalize("NFD", letter)
    return parts[0] if all("\u0300" <= mark <= "\u036f" for mark in parts[1:]) else letter


def _is_name(text: str, language: Language, doubtful: bool) -> bool:
    words = [word.lower() for word in text.split()]
    names = language.names.split()
    if words[0] in names:
        return True
    if not doubtful:
        return words[0] not in language.not_names.split()
    if any(_words(language.not_names).fullmatch(word) for word in words if word not in names):
        return False
    known = any(_words(each.names).fullmatch(words[0]) for each in languages().values())
    return known or (text[0].isupper() and not text.isupper())
