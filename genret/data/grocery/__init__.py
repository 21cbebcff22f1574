"""The embedded grocery catalogue: a seeded, procedural shop with shoppers, whose truth is known. No download.

`make_grocery()` gives a `Dataset` of about 20,000 products in 315 leaves under 67 aisles and 18 departments, queries in
three splits with ESCI grades, substitute pairs, co-purchase sessions and the true categories.

**What is modelled.** Every leaf holds concepts ("marinara sauce") that go by several names, often without a common word
("spaghetti sauce", "red pasta sauce"); a brand prints the name of its house and a shopper types their own. Products
have a brand (invented; three own labels a chain of shops), variety, form, claims (organic, gluten free, …), a product
line, one to three sizes (near-duplicates), a price, stores, and popularity by Zipf's law. House styles order and
abbreviate titles ("Mrnra Sce 24oz") and leave out what the shelf makes plain. A share of products (`noise`) carries
poor text (brand and article number, truncated, boilerplate) or misleading text (another leaf's words); a share
(`misfiled`) is filed in a wrong leaf, mostly a neighbouring one. Queries ask for a category, a brand, attributes, a
product or an occasion, or are misspelled: `Query.kind`. `Query.frequency` follows Zipf's law; `frequency_band` calls
it head (50 or more), torso (5 or more) or tail.

**Judgements.** Grades are Exact 3, Substitute 2, Complement 1, Irrelevant 0 (see `grading`), and `relevant_at` is 3:
recall and MRR count Exact products only, nDCG the graded gains. For dev and test queries, every Exact and Substitute
product is judged (at most 250 of the latter), and samples of the other grades; a query with more than 60 Exact
products (more in a catalogue above 20,000) stays in train. Train judgements are a click log: one to twelve products a
query, drawn by popularity among the relevant ones, bought (3) or clicked (2), with slips. Texts are disjoint between
splits.

**What is not modelled.** Time and seasons, a shopper's history, images, reviews, other languages than English with some
Spanish, position bias of the engine that made the log, prices in queries, and nutrition facts: a product is gluten free
if its label claims it, and the label is always true. Brands make no sense of their own, so a language model knows
nothing about them.

**What is latent.** Concept, intent, house style and grades never enter a record: a `Product` holds what a shop's feed
would, `Product.category` where it was filed, and ids are random. `Dataset.true_categories` holds the truth for every
product, and `Dataset.substitutes` pairs from it; both are for judging only.
"""

from __future__ import annotations

from genret.data.grocery.baskets import Baskets, substitute_pairs
from genret.data.grocery.grading import EXACT, IRRELEVANT, complements_of
from genret.data.grocery.querylog import Labels, frequency_band, write_log
from genret.data.grocery.settings import GrocerySettings
from genret.data.grocery.shelf import stock_shelf
from genret.data.grocery.taxonomy import lexicon
from genret.data.grocery.wording import Writer
from genret.data.records import Catalogue, Dataset

__all__ = ["GrocerySettings", "frequency_band", "make_grocery"]


def make_grocery(settings: GrocerySettings | None = None) -> Dataset:
    """The data set "grocery" of these settings; the same seed gives the same rows, in the same order."""
    settings = settings or GrocerySettings()
    shelf = stock_shelf(lexicon(), settings)
    labels = Labels()
    products = Writer(shelf, settings, complements_of(shelf.lexicon)).products()
    catalogue = Catalogue.from_products(labels.noted(products))
    log, ids = write_log(shelf, labels, settings), labels.ids
    baskets = Baskets(shelf, labels.stores, settings).sessions(settings.count("sessions"))
    return Dataset(
        name="grocery",
        catalogue=catalogue,
        queries=log.queries,
        judgements=log.judgements,
        relevant_at=EXACT,
        irrelevant_grade=IRRELEVANT,
        substitutes=[(ids[one], ids[other]) for one, other in substitute_pairs(shelf, settings)],
        sessions=[tuple(ids[row] for row in basket) for basket in baskets],
        true_categories={
            product_id: shelf.leaf_of(item).path for product_id, item in zip(ids, shelf.items, strict=True)
        },
    )
