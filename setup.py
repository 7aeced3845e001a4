"""Builds the crawler's C core if there is a C compiler; otherwise the Python crawler is used."""

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
