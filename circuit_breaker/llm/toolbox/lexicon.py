"""A lexicon of what English words feel like, from -3 (terrible) to 3 (wonderful), and the words that change it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

__all__ = ["CONTRASTS", "DEGREES", "FEELINGS", "NEGATIONS"]

_BY_SCORE: Final = {
    3: """amazing awesome brilliant delighted ecstatic excellent exceptional exquisite extraordinary fabulous fantastic
       flawless incredible magnificent marvellous marvelous masterpiece outstanding perfect perfectly phenomenal
       remarkable spectacular splendid stellar stunning sublime superb terrific thrilled unbeatable wonderful
       wonderfully""",
    2: """admire admirable adore appealing beautiful beautifully beloved best bliss celebrate charming cheerful
       compelling delicious delight delightful elegant elated enjoy enjoyed enjoyable excited exciting fascinating
       favorite favourite generous glad gorgeous grateful great greatly happiest happily happiness happy helpful
       impressed impressive innovative inspiring joy joyful kind love loved lovely loves loving lucky passion pleased
       pleasure praise proud recommend recommended refreshing reliable rewarding satisfied shine success successful
       successfully superior talented thank thankful thanks thoughtful top triumph trust valuable vibrant victory
       warmly welcome win winner winning won""",
    1: """able accurate achieve active advantage affordable agree benefit beneficial better bonus calm capable careful
       clean clear clearly comfortable confident convenient cool correct creative decent easier easily easy effective
       efficient encourage encouraging fair fast fine flexible free fresh friendly fun gain gentle good growth healthy
       honest hope hopeful ideal improve improved improvement improves improving interested interesting intuitive like
       liked likes neat nice nicely opportunity optimistic peaceful polite popular positive practical pretty productive
       progress promising quick quickly ready recover resolved respect responsive robust safe secure sensible simple
       smart smooth smoothly solid solution stable steady strong support supportive sweet thoughtful tidy useful warm
       well wise worth worthy""",
    -1: """annoy annoyed annoying avoid bland boring bother bug bugs busy careless cheap clumsy cold complain complaint
       complicated concern concerned confused confusing costly crowded decline defect delay delayed delays difficult
       dirty disagree doubt dull error errors expensive flaw flawed fault faulty fragile hard hesitate inaccurate
       incomplete inconsistent inconvenient issue issues lack lacking late limited lost lose loses messy mess minor
       mistake mistakes misleading missing negative noisy odd old outdated overpriced poor pressure problem problems
       regret risk risky sad sadly scarce shortage slow slowly sorry stale strange stuck tense tired trouble ugly
       unable unclear uncomfortable unfair unfortunate unfortunately unhappy unreliable unstable upset vague weak
       weird worried worry wrong""",
    -2: """abuse afraid alarming angry angrily anger awkward bad badly betray bitter blame broke broken cheat
       cheated collapse corrupt cruel crash crashed crashes crashing cry damage damaged danger dangerous dead defeat
       deny despair destroy destroyed died disappoint disappointed disappointing disappointment disaster dishonest
       dislike disliked distress dread dumb fail failed failing fails failure fake fear fight fraud frustrated
       frustrating frustration garbage greedy grief guilty harm harmful hate hated hates hostile hurt ignorant
       ignored illegal inferior insult insulting junk kill lame liar lied lies loss miserable misery nasty neglect
       neglected nonsense offensive pain painful panic pathetic poorly refuse refused reject rejected rude ruin ruined
       scam scared scary severe shame shock sick stolen stress stressful stupid suffer suffered suffering terrified
       threat tragic trash ugly unacceptable unpleasant unsafe unusable useless violent waste wasted worse worthless""",
    -3: """abysmal appalling atrocious awful catastrophe catastrophic despicable devastated devastating disgust
       disgusted disgusting dreadful evil excruciating hell hideous horrendous horrible horribly horrific horrified
       horror inexcusable nightmare repulsive terrible terribly tragedy vile worst""",
}

FEELINGS: Final[Mapping[str, int]] = {
    word: score for score, words in sorted(_BY_SCORE.items()) for word in words.split()
}
"""How each word feels."""

NEGATIONS: Final = frozenset(
    """not no never none nobody nothing neither nor cannot without hardly barely scarcely isn't wasn't aren't weren't
    don't doesn't didn't won't wouldn't can't couldn't shouldn't haven't hasn't hadn't ain't""".split()
)
"""Words that turn what follows within three words into its weaker opposite."""

DEGREES: Final[Mapping[str, float]] = {
    **dict.fromkeys(
        "very really extremely incredibly absolutely completely totally so truly highly deeply".split(), 1.4
    ),
    **dict.fromkeys("quite rather pretty fairly".split(), 1.1),
    **dict.fromkeys("somewhat slightly mildly partly a-bit".split(), 0.6),
}
"""Words that make the next one stronger or weaker."""

CONTRASTS: Final = frozenset(["but", "however", "although", "yet", "nevertheless"])
"""Words after which a sentence says what counts."""
