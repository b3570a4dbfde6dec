"""The codec server: shows operators in the Temporal UI what histories hold, and tells the owner that it did."""
