"""An ordinary month of the demo's company: nobody does wrong, and much looks as if somebody did.

What it has beside the ordinary day of the demo is in `staff`, `administration` and `programs`;
`calendar` puts the days together, and `org` the directory and what the org serves of them.
"""
