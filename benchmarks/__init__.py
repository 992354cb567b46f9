# SPDX-License-Identifier: Apache-2.0
"""How fast the product is beside the bare building blocks it stands on, measured in the same run."""
