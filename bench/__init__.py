"""Measurements that anybody can make again: models in process, servers over HTTP, and the pages of docs/measured."""
