"""Builds the crawler's core where there is a C compiler; without one, the crawler in Python is used."""

from setuptools import Extension, setup

setup(
    ext_modules=[
        Extension(
            "tidemark.crawl._core",
            ["tidemark/crawl/_core.c"],
            extra_compile_args=["-std=gnu11", "-O2", "-pthread", "-Wall", "-Wextra"],
            extra_link_args=["-pthread"],
            optional=True,
        )
    ]
)
