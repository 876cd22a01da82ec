# The autograder image: one image that grades any assignment, on Gradescope and on any machine with a container engine.
#
#   docker build -t tinytorch-autograder .                                  any assignment
#   docker build -t tinytorch-autograder:a01 --build-arg ASSIGNMENT=a01 .   one; differs from the others in its last layer
#   docker run --rm -v SUBMISSION:/autograder/submission -v RESULTS:/autograder/results -e ASSIGNMENT=a01 \
#       tinytorch-autograder /autograder/run_autograder
#
# An image for any assignment takes the assignment from the variable ASSIGNMENT, else from the title on Gradescope
# ("a01 Tensor"). `tito image --check` proves that it grades as `tito grade` does. Without CMD and ENTRYPOINT, as
# Gradescope asks. Packages come first: a change of the course does not install them again.

ARG BASE=gradescope/autograder-base:ubuntu-22.04
FROM ${BASE}

COPY requirements-grading.lock autograder/gradescope/setup.sh /autograder/source/
RUN bash /autograder/source/setup.sh packages

COPY autograder/gradescope/run_autograder /autograder/run_autograder
COPY autograder /autograder/source/autograder
COPY tinytorch_ref/tinytorch /autograder/source/tinytorch_ref/tinytorch
COPY datasets /autograder/source/datasets
COPY course.yaml /autograder/source/
COPY assignments /autograder/source/assignments
COPY solutions /autograder/source/solutions
RUN chmod 755 /autograder/run_autograder && bash /autograder/source/setup.sh seal

ARG ASSIGNMENT=
RUN umask 077 && echo "${ASSIGNMENT}" > /autograder/source/assignment

# Which image graded: written into every row of a gradebook.
ARG VERSION=
ENV TINYTORCH_IMAGE=${VERSION}
