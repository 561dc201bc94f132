"""Pictures of trainings and networks: Displays by scikit-learn's convention.

matplotlib is imported when something is drawn, and not before.
"""
