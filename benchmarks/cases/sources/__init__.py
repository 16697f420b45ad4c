"""Data of the cases: the digits, tables, texts and photos that come with scikit-learn and Python."""
