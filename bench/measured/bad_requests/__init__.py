"""Requests with something wrong, one thing at a time; a module of recipes for each layer of what the server reads.

layer        what is wrong
HTTP         path, method, version, content type, compression
JSON         the text: cut off, changed, other JSON, too deep, keys twice, another encoding
tensors      name, shape, datatype, values, parameters and outputs of an inference request
binary       sizes, and the bytes behind the JSON
rows         fields and values of ``/predict``
formats      CSV, JSON Lines, .npy, Arrow and Parquet
"""
