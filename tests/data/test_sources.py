"""The public data sets by name, from small files written here as they are published, and a user's own folder."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genret.data import Dataset, load_dataset, read_dataset, read_files_dataset, save_dataset
from genret.data.judged import PAIRS_PER_QUERY, split_queries, substitute_pairs
from genret.data.sources import SOURCES
from genret.ground.errors import GenretError
from genret.ground.types import Judgement, Product, Query, Split


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content.encode()) if path.suffix == ".gz" else content.encode())
    return folder


def texts(dataset: Dataset, split: Split) -> list[str]:
    return [query.text for query in dataset.queries[split]]


def grades(dataset: Dataset) -> dict[tuple[str, str], float]:
    text_of = {query.id: query.text for queries in dataset.queries.values() for query in queries}
    return {(text_of[judged.query_id], judged.product_id): judged.grade for judged in dataset.judgements}


HOMEDEPOT = {
    "products.csv.gz": "product_uid,product_title\n1,Angle\n2,Bracket\n3,Shower\n",
    "train.csv.gz": "id,product_uid,search_term,relevance\n9,1,l bracket,3.0\n8,2,l bracket,2.67\n7,3,l bracket,1\n",
    "dev.csv": "id,product_uid,search_term,relevance\n2,3,rain shower,2.33\n",
    "test.csv": "id,product_uid,search_term\n5,3,shower\n",
}


def test_homedepot(tmp_path: Path) -> None:
    dataset = read_dataset("homedepot", write(tmp_path, HOMEDEPOT))
    assert dataset.catalogue.ids == ["1", "2", "3"]
    assert [texts(dataset, split) for split in ("train", "dev", "test")] == [["l bracket"], ["rain shower"], []]
    assert grades(dataset)["l bracket", "2"] == 2.67
    assert (dataset.relevant_at, dataset.irrelevant_grade) == (2.67, 1.0)
    assert dataset.substitutes == [("1", "2")]


def test_limit_leaves_out_what_is_judged_beyond_it(tmp_path: Path) -> None:
    dataset = read_dataset("homedepot", write(tmp_path, HOMEDEPOT), limit=2)
    assert len(dataset.catalogue) == 2
    assert texts(dataset, "dev") == []
    assert {Path(report.file).name: report.left_out for report in dataset.reports} == {
        "products.csv.gz": 0,
        "train.csv.gz": 1,
        "dev.csv": 1,
    }


def test_a_query_in_two_splits_stays_in_the_one_that_is_judged_on(tmp_path: Path) -> None:
    leak = "id,product_uid,search_term,relevance\n2,3,l bracket,3\n"
    dataset = read_dataset("homedepot", write(tmp_path, {**HOMEDEPOT, "dev.csv": leak}))
    assert [texts(dataset, split) for split in ("train", "dev")] == [[], ["l bracket"]]
    assert [judged.product_id for judged in dataset.judgements] == ["3"]


def test_chorus(tmp_path: Path) -> None:
    row = {"id": "1", "name": "X", "title": "X toner", "ean": ["09", "08"], "supplier": "Xerox", "price": 4995}
    row |= {"attr_t_product_colour": "Black", "attr_n_weight": 2.0, "attr_b_wifi": False}
    files = {"products.jsonl": json.dumps(row), "ratings.csv": "query,docid,rating\ntoner,1,3\nlaptop,1,0\n"}
    dataset = read_dataset("chorus", write(tmp_path, files))
    product = dataset.catalogue[0]
    assert (product.brand, product.price) == ("Xerox", 4995.0)
    assert product.attributes == {
        "name": "X",
        "ean": "09, 08",
        "product colour": "Black",
        "weight": "2",
        "wifi": "false",
    }
    assert [texts(dataset, split) for split in ("train", "dev", "test")] == [[], [], ["toner", "laptop"]]
    assert (dataset.relevant_at, grades(dataset)["toner", "1"]) == (2.0, 3.0)


def test_instacart(tmp_path: Path) -> None:
    files = {
        "aisles.csv": "aisle_id,aisle\n61,cookies cakes\n",
        "departments.csv.gz": "department_id,department\n19,snacks\n",
        "products.csv": (
            "product_id,product_name,aisle_id,department_id\n"
            '1,Cookies,61,19\n2,"9\\""x13\\"" Pan",61,19\n3,Salt,99,19\n'
        ),
        "order_products__train.csv": (
            "order_id,product_id,add_to_cart_order,reordered\n7,2,2,0\n7,1,1,1\n8,1,1,0\n9,3,1,0\n9,404,2,0\n"
        ),
    }
    dataset = read_dataset("instacart", write(tmp_path, files))
    assert dataset.catalogue[0] == Product("1", "Cookies", ("snacks", "cookies cakes"), popularity=3.0)
    assert dataset.catalogue[1].title == '9"x13" Pan'
    assert dataset.catalogue[2].category == ("snacks",)
    assert list(dataset.sessions) == [("1", "2")]
    assert dataset.split_queries("train") == []


def test_grocerydb(tmp_path: Path) -> None:
    content = "product_id,name,store,brand,category\nwf_1,Salt &#38; Vinegar,WholeFoods,KettleÂ®,snacks-chips\n"
    dataset = read_dataset("grocerydb", write(tmp_path, {"products.csv.gz": content}))
    assert list(dataset.catalogue) == [
        Product("wf_1", "Salt & Vinegar", ("snacks-chips",), "Kettle®", stores=("WholeFoods",))
    ]


def esci_folder(folder: Path, split: Sequence[str] = ("train", "train", "train", "test", "train")) -> Path:
    examples = {
        "example_id": [0, 1, 2, 3, 4],
        "query": ["pop", "pop", "pop", "chips", "refresco"],
        "query_id": [10, 10, 10, 11, 12],
        "product_id": ["A", "B", "C", "B", "A"],
        "product_locale": ["us", "us", "us", "us", "es"],
        "esci_label": ["E", "S", "I", "C", "E"],
        "small_version": [1] * 5,
        "large_version": [1] * 5,
        "split": list(split),
    }
    products = {
        "product_id": ["A", "A", "B", "C"],
        "product_title": ["Soda", "Refresco", None, "Nails"],
        "product_description": ["<p>Fizzy <b>drink</b></p>", None, "Cola drink", None],
        "product_bullet_point": ["cold\nsweet", None, None, None],
        "product_brand": ["Fizz", None, "", None],
        "product_color": [None, None, "brown", None],
        "product_locale": ["us", "es", "us", "us"],
    }
    pq.write_table(pa.table(examples), folder / "shopping_queries_dataset_examples.parquet")
    pq.write_table(pa.table(products), folder / "shopping_queries_dataset_products.parquet")
    return folder


def test_esci_as_published(tmp_path: Path) -> None:
    dataset = read_dataset("esci", esci_folder(tmp_path))
    assert dataset.catalogue.ids == ["A", "B", "C"]
    assert dataset.catalogue[0].description == "Fizzy drink cold sweet"
    assert (dataset.catalogue[1].title, dataset.catalogue[1].attributes["color"]) == ("Cola drink", "brown")
    assert texts(dataset, "train") == ["pop"]
    assert dataset.queries["test"] == [Query("11", "chips")]
    assert grades(dataset) == {("pop", "A"): 3, ("pop", "B"): 2, ("pop", "C"): 0, ("chips", "B"): 1}
    assert dataset.substitutes == [("A", "B")]
    assert dataset.relevant_at == 3.0


def test_esci_of_another_locale(tmp_path: Path) -> None:
    dataset = read_dataset("esci", esci_folder(tmp_path), locale="es")
    assert [product.title for product in dataset.catalogue] == ["Refresco"]
    assert list(grades(dataset)) == [("refresco", "A")]
    with pytest.raises(GenretError, match="no product with product_locale 'jp'"):
        read_dataset("esci", tmp_path, locale="jp")


ESCI_CSV = "query,query_id,product_id,product_locale,esci_label,product_title,product_brand\n"


def test_esci_as_one_joined_csv(tmp_path: Path) -> None:
    rows = [
        f"query {i // 2},{i // 2},P{i % 7},us,{'Exact' if i % 2 else 'Substitute'},Title {i % 7},x" for i in range(40)
    ]
    path = write(tmp_path, {"sample.csv": ESCI_CSV + "\n".join(rows)})
    for where in (path, path / "sample.csv"):
        dataset = read_dataset("esci", where)
        assert len(dataset.catalogue) == 7
        assert [len(dataset.queries[split]) for split in ("train", "dev", "test")] == [16, 2, 2]
        assert len(dataset.judgements) == 40


def test_esci_with_a_label_of_its_own(tmp_path: Path) -> None:
    path = write(tmp_path, {"s.csv": ESCI_CSV + "pop,1,A,us,Exact,Soda,\npop,1,B,us,Maybe,Pop,\n"})
    with pytest.raises(GenretError, match=r"line 3, field grade: got 'Maybe', expected one of e, s, c, i"):
        read_dataset("esci", path)
    assert len(read_dataset("esci", path, on_bad_row="skip").judgements) == 1


WANDS = {
    "product.csv": (
        "product_id\tproduct_name\tproduct_class\tcategory hierarchy\tproduct_description\tproduct_features"
        "\trating_count\taverage_rating\treview_count\n"
        "0\tsolid wood platform bed\tBeds\tFurniture / Bedroom Furniture / Beds\tgood , deep sleep"
        "\twidth : 64.7|colour:red|colour : blue\t15.0\t4.5\t15.0\n"
        '1\t"6"" slow cooker"\t\t\t\t\t\t\t\n'
    ),
    "query.csv": "query_id\tquery\tquery_class\n0\tplatform bed\tBeds\n1\tslow cooker\tSlow Cookers\n2\tunjudged\t\n",
    "label.csv": "id\tquery_id\tproduct_id\tlabel\n0\t0\t0\tExact\n1\t0\t1\tIrrelevant\n2\t1\t1\tPartial\n",
}


def test_wands_as_published(tmp_path: Path) -> None:
    dataset = read_dataset("wands", write(tmp_path, WANDS))
    bed, cooker = dataset.catalogue
    assert bed.category == ("Furniture", "Bedroom Furniture", "Beds")
    assert (bed.attributes["width"], bed.attributes["colour"]) == ("64.7", "red, blue")
    assert (bed.popularity, bed.description) == (16.0, "good , deep sleep")
    assert cooker == Product("1", '6" slow cooker')
    assert grades(dataset) == {("platform bed", "0"): 2, ("platform bed", "1"): 0, ("slow cooker", "1"): 1}
    assert sorted(text for split in dataset.queries for text in texts(dataset, split)) == [
        "platform bed",
        "slow cooker",
    ]
    assert dataset.relevant_at == 2.0


def beir_files() -> dict[str, str]:
    corpus = [
        {"_id": "d1", "title": "Soda", "text": "A fizzy drink.", "metadata": {"url": "x"}},
        {"_id": "d2", "title": "", "text": " ".join(f"w{i}" for i in range(30)), "metadata": {}},
    ]
    queries = [{"_id": "q1", "text": "pop"}, {"_id": "q2", "text": "words"}, {"_id": "q3", "text": "unjudged"}]
    return {
        "corpus.jsonl.gz": "\n".join(map(json.dumps, corpus)),
        "queries.jsonl": "\n".join(map(json.dumps, queries)),
        "qrels/train.tsv": "query-id\tcorpus-id\tscore\nq1\td1\t1\nq1\tgone\t1\n",
        "qrels/test.tsv": "query-id\tcorpus-id\tscore\nq2\td2\t2\nq2\td1\t0\n",
    }


def test_beir_as_published(tmp_path: Path) -> None:
    dataset = read_dataset("beir", write(tmp_path, beir_files()))
    assert dataset.catalogue[0] == Product("d1", "Soda", description="A fizzy drink.", attributes={"url": "x"})
    assert dataset.catalogue[1].title == " ".join(f"w{i}" for i in range(12))
    assert [texts(dataset, split) for split in ("train", "dev", "test")] == [["pop"], [], ["words"]]
    assert grades(dataset) == {("pop", "d1"): 1, ("words", "d2"): 2, ("words", "d1"): 0}
    assert [report.left_out for report in dataset.reports if report.file.endswith("train.tsv")] == [1]


@pytest.mark.parametrize("name", SOURCES)
def test_a_folder_without_the_files_says_what_it_wants(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"other.txt": ""})
    with pytest.raises(GenretError, match=r"no \S+\.\w+.* in it \(it holds: other.txt\)"):
        read_dataset(name, tmp_path)
    with pytest.raises(GenretError, match="no such folder"):
        read_dataset(name, tmp_path / "none")


def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(GenretError, match="data set 'ebay', expected one of homedepot, chorus"):
        read_dataset("ebay", tmp_path)
    with pytest.raises(GenretError, match="limit=0"):
        read_dataset("wands", write(tmp_path, WANDS), limit=0)


# A user's own files.

OWN = {
    "products.csv": "id,title\n1,Soda\n2,Pop\n3,Nails\n",
    "queries.tsv": "query_id\tquery\n" + "".join(f"q{i}\tquery {i}\n" for i in range(20)),
    "judgements.jsonl": "\n".join(
        json.dumps({"query_id": f"q{i}", "product_id": str(1 + i % 3), "grade": i % 4}) for i in range(20)
    ),
}


def test_a_folder_of_own_files_is_split_by_seed(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", OWN)
    dataset, again = read_files_dataset(folder), read_dataset("files", folder)
    assert (dataset.name, len(dataset.catalogue), len(dataset.judgements)) == ("shop", 3, 20)
    assert [len(dataset.queries[split]) for split in ("train", "dev", "test")] == [16, 2, 2]
    assert dataset.queries == again.queries
    assert read_files_dataset(folder, seed=1).queries != dataset.queries


def test_explicit_paths_columns_and_scale(tmp_path: Path) -> None:
    write(tmp_path, {"a.csv": "nr,label\n1,Soda\n", "b.csv": "query,item,stars\npop,1,5\ncola,1,2\n"})
    dataset = read_files_dataset(
        tmp_path / "a.csv",
        judgements=tmp_path / "b.csv",
        columns={"id": "nr", "title": "label", "judgement.product_id": "item", "judgement.grade": "stars"},
        relevant_at=4,
        irrelevant_grade=1,
    )
    assert grades(dataset) == {("pop", "1"): 5, ("cola", "1"): 2}
    assert (dataset.relevant_at, dataset.irrelevant_grade) == (4, 1)


def test_splits_that_the_files_name_are_kept(tmp_path: Path) -> None:
    split_file = "query_id,query,split\nq0,a,test\nq1,b,valid\nq2,c,\nq3,d,test\nq4,e,test\n"
    qrels = "q0 0 1 1\nq1 0 1 1\nq2 0 1 1\n"
    folder = write(tmp_path, {"products.csv": OWN["products.csv"], "queries.csv": split_file, "qrels.trec": qrels})
    dataset = read_files_dataset(folder)
    assert [texts(dataset, split) for split in ("train", "dev", "test")] == [["c"], ["b"], ["a", "d", "e"]]


def test_judgements_by_text_find_queries_with_ids(tmp_path: Path) -> None:
    files = {**OWN, "judgements.jsonl": '{"query": "query 3", "product_id": "1", "grade": 1}'}
    assert list(read_files_dataset(write(tmp_path, files)).judgements) == [Judgement("q3", "1", 1.0)]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ('{"query_id": "q1", "product_id": "99", "grade": 1}', "field product_id: got '99', expected a product of"),
        ('{"query_id": "q99", "product_id": "1", "grade": 1}', "field query_id: got 'q99', expected a query of"),
    ],
)
def test_a_judgement_that_points_nowhere_is_a_bad_row(tmp_path: Path, row: str, expected: str) -> None:
    good = '{"query_id": "q1", "product_id": "1", "grade": 1}\n'
    folder = write(tmp_path, {**OWN, "judgements.jsonl": good + row})
    with pytest.raises(GenretError, match=f"judgements.jsonl, line 2, {expected}"):
        read_files_dataset(folder)
    dataset = read_files_dataset(folder, on_bad_row="skip", rejects=tmp_path / "r.jsonl")
    assert len(dataset.judgements) == 1
    assert [report.skipped for report in dataset.reports] == [0, 0, 1]
    assert len((tmp_path / "r.jsonl").read_text().splitlines()) == 1


def test_a_catalogue_alone(tmp_path: Path) -> None:
    dataset = read_files_dataset(write(tmp_path, {"c.csv": OWN["products.csv"]}) / "c.csv")
    assert (len(dataset.catalogue), dataset.judgements, dataset.split_queries("train")) == (3, [], [])


def test_settings_that_make_no_sense(tmp_path: Path) -> None:
    folder = write(tmp_path, OWN)
    with pytest.raises(GenretError, match="relevant_at=0, but irrelevant_grade=0"):
        read_files_dataset(folder, relevant_at=0)
    with pytest.raises(GenretError, match="column mapping for 'queries'"):
        read_files_dataset(folder, columns={"queries.text": "x"})


@pytest.mark.parametrize("name", ["homedepot", "wands", "beir"])
def test_what_is_read_survives_save_and_load(tmp_path: Path, name: str) -> None:
    files = {"homedepot": HOMEDEPOT, "wands": WANDS, "beir": beir_files()}[name]
    dataset = read_dataset(name, write(tmp_path / "in", files))
    save_dataset(dataset, tmp_path / "out")
    loaded, _ = load_dataset(tmp_path / "out")
    assert list(loaded.catalogue) == list(dataset.catalogue)
    assert dict(loaded.queries) == dict(dataset.queries)
    assert list(loaded.judgements) == list(dataset.judgements)
    assert list(loaded.substitutes) == list(dataset.substitutes)


# Splits and substitute pairs.


@given(st.lists(st.text("ab ", min_size=1), max_size=40), st.integers(0, 3))
def test_splits_are_whole_disjoint_and_blind_to_order(words: list[str], seed: int) -> None:
    queries = [Query(str(i), word) for i, word in enumerate(words)]
    split = split_queries(queries, seed)
    assert sorted(query for part in split.values() for query in part) == sorted(queries)
    same = {name: {" ".join(query.text.split()) for query in part} for name, part in split.items()}
    assert not same["train"] & same["test"]
    assert not same["train"] & same["dev"]
    backwards = split_queries(queries[::-1], seed)
    assert {name: sorted(part) for name, part in backwards.items()} == {
        name: sorted(part) for name, part in split.items()
    }


@pytest.mark.parametrize(
    ("n", "sizes"), [(0, (0, 0, 0)), (1, (1, 0, 0)), (2, (1, 0, 1)), (3, (1, 1, 1)), (30, (24, 3, 3))]
)
def test_split_sizes(n: int, sizes: tuple[int, int, int]) -> None:
    split = split_queries([Query(str(i), f"text {i}") for i in range(n)], seed=0)
    assert (len(split["train"]), len(split["dev"]), len(split["test"])) == sizes


def test_substitute_pairs_are_few_a_query_and_spread_over_its_products() -> None:
    judgements = [Judgement("q", f"p{i}", 3.0) for i in range(9)] + [
        Judgement("r", "p1", 3.0),
        Judgement("r", "p0", 3.0),
    ]
    pairs = substitute_pairs(judgements, lambda a, b: True)
    assert len(pairs) == PAIRS_PER_QUERY
    times = Counter(product for pair in pairs for product in pair)
    assert times.keys() == {f"p{i}" for i in range(9)}
    assert max(times.values()) <= 3
    assert substitute_pairs(judgements, lambda a, b: False) == []
