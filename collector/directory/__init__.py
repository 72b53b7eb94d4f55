"""What an org's ids stand for: its users, apps, reports and objects, as they were at a time.

What is known of each of them is kept in versions, each with the time from which it holds. This room
says what there is to know and how the versions are read in SQL; it opens nothing.
"""
