"""What runs inside the sandbox: the only part of this package that a student's kernel can see."""
