"""What commands print and pages show: the questions of users, answered from a repository or a deployment.

Nothing here formats for a terminal or a browser, except the short texts of `text`.
"""
