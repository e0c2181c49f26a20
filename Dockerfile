# The program in an image with nothing else: no shell, no package manager, not root.
FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The Makefile installs Node.js and the build tools.
RUN make packaged && mkdir /data

# The C library that the build image has.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/packaged/watch-party /usr/bin/watch-party
COPY --from=build --chown=nonroot:nonroot /data /var/lib/watch-party
ENV LEPTOS_SITE_ADDR=0.0.0.0:3000 \
    WATCH_PARTY_STORE=sqlite:/var/lib/watch-party/watch-party.db
WORKDIR /var/lib/watch-party
VOLUME /var/lib/watch-party
EXPOSE 3000
# No HEALTHCHECK: the image has no HTTP client. Whatever runs the container asks for /healthz.
ENTRYPOINT ["/usr/bin/watch-party"]
