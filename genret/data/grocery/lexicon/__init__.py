"""The lexicon: tables of words in a format that `taxonomy` explains and reads. Data only."""
