"""The program that is given to spark-submit, in a folder of its own.

Python puts the folder of a script first on its path of imports, where modules beside it would hide
others of the same name.
"""
