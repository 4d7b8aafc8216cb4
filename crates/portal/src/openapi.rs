//! The API's description: what the handlers say about themselves, and the answers that all of them share.

use glae_api::Problem;
use utoipa::{
    OpenApi as _,
    openapi::{
        ContactBuilder, Content, InfoBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder,
        path::Operation,
        security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
        tag::TagBuilder,
    },
};

/// Schemas that no operation names by itself.
#[derive(utoipa::OpenApi)]
#[openapi(components(schemas(Problem)))]
struct Shared;

/// The document before routes are added: what it is, and how tokens travel.
pub fn base() -> OpenApi {
    let mut document = Shared::openapi();
    document.info = InfoBuilder::new()
        .title("GLAE leaderboard")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Submit predicted ages, have them scored at once, compare methods. Times are seconds since 1970; errors \
             are problem documents (RFC 9457). No route takes an image.",
        ))
        .contact(Some(ContactBuilder::new().name(Some("The operator of this server")).build()))
        .build();
    let tag = |name, text| TagBuilder::new().name(name).description(Some(text)).build();
    document.tags = Some(vec![
        tag("boards", "Test sets with their rules and rankings."),
        tag("rows", "What is known about one method on a board."),
        tag("contests", "Boards that open and close: who takes part, and what counts."),
        tag("submissions", "A team's predictions, scored."),
        tag("teams", "A name and a token."),
        tag("organise", "What organisers do and see."),
        tag("about", "What the server says about itself."),
    ]);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The token of a team, from POST /api/v1/teams."))
        .build();
    let organiser = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The token of an organiser, from `portal organise token NAME`."))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme("token", SecurityScheme::Http(bearer));
    components.add_security_scheme("organiser", SecurityScheme::Http(organiser));
    document
}

/// Adds the errors that any operation of its kind may answer with.
pub fn complete(mut document: OpenApi) -> OpenApi {
    for item in document.paths.paths.values_mut() {
        let operations =
            [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete, &mut item.put, &mut item.head];
        for operation in operations.into_iter().flatten() {
            add_errors(operation);
        }
    }
    document
}

fn add_errors(operation: &mut Operation) {
    let body = operation.request_body.is_some();
    let token = operation.security.as_ref().is_some_and(|schemes| !schemes.is_empty());
    let named = operation.parameters.as_ref().is_some_and(|parameters| !parameters.is_empty());
    for (status, text, applies) in [
        ("400", "The request cannot be read.", true),
        ("401", "A valid token is needed.", token),
        ("403", "Not yet, or not for this team.", token),
        ("404", "There is no such thing here, or it is not yours to see.", named),
        ("408", "The request took too long.", true),
        ("413", "The request is too large.", body),
        ("415", "This kind of content is not taken here.", body),
        ("422", "The content is not allowed; every problem is listed.", body),
        ("429", "Too many requests, or today's quota is used up.", true),
        ("500", "Something went wrong here.", true),
        ("503", "The database does not answer.", true),
        ("default", "Any other error.", true),
    ] {
        if applies && !operation.responses.responses.contains_key(status) {
            operation.responses.responses.insert(status.to_owned(), RefOr::T(problem(text, status == "429")));
        }
    }
}

fn problem(text: &str, retry: bool) -> Response {
    let schema = Content::new(Some(Ref::from_schema_name("Problem")));
    let response = ResponseBuilder::new().description(text).content("application/problem+json", schema);
    if retry {
        let header =
            utoipa::openapi::HeaderBuilder::new().description(Some("Seconds until the next request is taken.")).build();
        return response.header("Retry-After", header).build();
    }
    response.build()
}
