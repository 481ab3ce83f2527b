"""Measurements that anybody can make again."""
