"""Style prototypes: clusters of looks, the FAISS index that matches users to them, names, drift."""
